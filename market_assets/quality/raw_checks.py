"""Every check on one venue's raw table over some hours: schema, quarantine, completeness, rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from market_assets.checks.findings import Finding
from market_assets.checks.policy import MONTH_MS, Policy
from market_assets.checks.registry import CANDLE_RULES, FUNDING_RULES
from market_assets.checks.scenes import CandleScene, FundingScene
from market_assets.quality.schema_check import Accepted, schema_failures
from market_assets.quality.unasked import unasked
from market_assets.quality.vanished import vanished
from market_assets.quality.verdicts import SAMPLED, Verdict
from market_assets.schemas.datasets import FUNDING_RATES, INSTRUMENTS, OHLCV, Dataset
from market_assets.schemas.timeline import (
    HOUR_MS,
    INTERVALS,
    Window,
    to_ms,
    to_text,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.settings import Settings
    from market_assets.warehouse.contract import Gap
    from market_assets.warehouse.protocol import Warehouse

# What every raw table is asked, whatever it holds.
OF_EVERY_TABLE = ("schema", "quarantine")
# What a person let in is good for this rule: whatever else the row breaks, `schema` says.
_OF_SCHEMA_TOO = "ohlc_inconsistent"
# The rules say for themselves what they ask.
DESCRIPTIONS = {
    "schema": "Every stored row obeys the canonical schema: types, nulls, unique keys and row"
    " rules; where one does not, pandera names each rule and row.",
    "quarantine": "No row of these hours is held in quarantine.",
    "completeness": "Every candle or settlement is stored, or absent for a proven reason; none"
    " that was stored has vanished, and no symbol of the settings was left out.",
}


def check_names(dataset: Dataset, settings: Settings) -> list[str]:
    """The checks of a raw table that are not turned off."""
    names = list(OF_EVERY_TABLE)
    if dataset is not INSTRUMENTS:
        names.append("completeness")
        names += [rule.name for rule in (CANDLE_RULES if dataset is OHLCV else FUNDING_RULES)]
    return [name for name in names if settings.quality.severity(name) != "off"]


@dataclass(frozen=True)
class RawJudge:
    """Judges one raw table of one venue over a window of hours."""

    warehouse: Warehouse
    settings: Settings
    venue: str
    dataset: Dataset
    window: Window
    now_ms: int
    # What several checks look at, by interval or dataset: each is read once.
    _read: dict[str, pa.Table] = field(default_factory=dict, init=False, compare=False, repr=False)

    def verdicts(self) -> list[Verdict]:
        """One for each check that is on, those that found something included."""
        wanted = check_names(self.dataset, self.settings)
        found = dict(self._found(set(wanted)))
        return [found.get(name) or self._verdict(name, 0, {}, ()) for name in wanted]

    @property
    def table(self) -> str:
        return f"raw.{self.venue}_{self.dataset.name}"

    @property
    def symbols(self) -> Sequence[str]:
        return self.settings.venue(self.venue).symbols

    @property
    def intervals(self) -> Sequence[str]:
        if self.dataset is OHLCV:
            return self.settings.venue(self.venue).intervals
        return ("",)

    # -- finding

    def _found(self, wanted: set[str]) -> Iterator[tuple[str, Verdict]]:
        if "schema" in wanted:
            yield "schema", self._schema()
        if "quarantine" in wanted:
            yield "quarantine", self._quarantine()
        if "completeness" in wanted:
            yield "completeness", self._completeness()
        findings: dict[str, list[Finding]] = {}
        for finding in self._rules(wanted):
            findings.setdefault(finding.rule, []).append(finding)
        for name, of_rule in findings.items():
            counts = Counter(finding.symbol for finding in of_rule)
            sample = [_readable(finding) for finding in sorted(of_rule)[:SAMPLED]]
            times = [at for finding in of_rule for at in (finding.at_ms, finding.until_ms - 1)]
            yield name, self._verdict(name, len(of_rule), counts, sample, times)

    def _schema(self) -> Verdict:
        rows = self.warehouse.read(
            self.venue,
            self.dataset,
            window=None if self.dataset is INSTRUMENTS else self.window,
        )
        failed = schema_failures(self.dataset, rows, self._accepted)
        return self._verdict("schema", failed.rows, failed.reasons, failed.sample, failed.moments)

    def _quarantine(self) -> Verdict:
        held = self.warehouse.quarantined(
            venue=self.venue, dataset=self.dataset.name, status="held", window=self.window
        )
        reasons = Counter(reason for row in held for reason in row.reasons)
        sample = [
            {
                "id": row.quarantine_id[:12],
                "symbol": row.symbol,
                "timestamp": None if row.timestamp is None else str(row.timestamp),
                "reasons": ",".join(row.reasons),
                "payload": row.payload[:300],
            }
            for row in held[:SAMPLED]
        ]
        return self._verdict("quarantine", len(held), reasons, sample)

    def _completeness(self) -> Verdict:
        """What is ours to bring and is not there, was there and is gone, or nobody asked for."""
        spans: list[dict[str, Any]] = []
        times: list[int] = []
        for interval in self.intervals:
            recorded = self.warehouse.gaps(
                self.venue, self.dataset, interval, self.symbols, self.window
            )
            # A settlement has no grid that tells.
            gone = self._vanished(interval, recorded) if self.dataset is OHLCV else {}
            for symbol, gaps in recorded.items():
                missing = [gap for gap in gaps if gap.reason == "missing"] + gone.get(symbol, [])
                spans += [_span(symbol, interval, gap.window, gap.evidence) for gap in missing]
                times += [t for gap in missing for t in (gap.window.start, gap.window.end - 1)]
        for one in unasked(
            self.warehouse,
            self.settings,
            self.venue,
            self.dataset,
            self.window,
            self._instruments,
        ):
            spans.append(_span(one.symbol, one.interval, one.window, one.evidence))
            times += [one.window.start, one.window.end - 1]
        counts = Counter(span["symbol"] for span in spans)
        return self._verdict("completeness", len(spans), counts, spans[:SAMPLED], times)

    def _vanished(
        self, interval: str, recorded: Mapping[str, Sequence[Gap]]
    ) -> dict[str, list[Gap]]:
        return vanished(
            self.warehouse,
            self.venue,
            interval,
            self.symbols,
            self.window,
            recorded,
            self._candles(interval),
        )

    def _rules(self, wanted: set[str]) -> Iterator[Finding]:
        if self.dataset is INSTRUMENTS:
            return
        policy = Policy.of(self.settings)
        instruments = self._instruments()
        if self.dataset is FUNDING_RATES:
            scene = FundingScene(
                self.venue, self._rows("", MONTH_MS), self.window, self.now_ms, instruments
            )
            for funding_rule in FUNDING_RULES:
                if funding_rule.name in wanted:
                    yield from funding_rule.find(scene, policy)
            return
        for interval in self.intervals:
            candles = CandleScene(
                self.venue,
                interval,
                self._candles(interval),
                self.window,
                self.now_ms,
                self._others(interval),
                instruments,
            )
            for rule in CANDLE_RULES:
                if rule.name in wanted:
                    found = rule.find(candles, policy)
                    released = rule.name == _OF_SCHEMA_TOO
                    yield from self._not_released(found, interval) if released else found

    def _not_released(self, found: Sequence[Finding], interval: str) -> Iterator[Finding]:
        """The findings but those of rows that a person released."""
        accepted = self._accepted() if found else {}
        for finding in found:
            if (finding.symbol, interval, finding.at_ms) not in accepted:
                yield finding

    def _accepted(self) -> Accepted:
        return self.warehouse.accepted_keys(self.venue, self.dataset, self.window)

    def _instruments(self) -> pa.Table:
        if INSTRUMENTS.name not in self._read:
            self._read[INSTRUMENTS.name] = self.warehouse.read(self.venue, INSTRUMENTS)
        return self._read[INSTRUMENTS.name]

    def _candles(self, interval: str) -> pa.Table:
        """The hours to judge and what the rules look back on."""
        if interval not in self._read:
            look_back_ms = Policy.of(self.settings).look_back_ms(INTERVALS[interval])
            self._read[interval] = self._rows(interval, look_back_ms)
        return self._read[interval]

    def _rows(self, interval: str, look_back_ms: int) -> pa.Table:
        """Of what is collected: a symbol that was taken out of the settings may stop."""
        return self.warehouse.read(
            self.venue,
            self.dataset,
            interval=interval,
            symbols=self.symbols,
            window=Window(max(0, self.window.start - look_back_ms), self.window.end),
        )

    def _others(self, interval: str) -> dict[str, pa.Table]:
        """The same candles of the other venues."""
        return {
            str(other): self.warehouse.read(other, OHLCV, interval=interval, window=self.window)
            for other, options in self.settings.enabled_venues.items()
            if other != self.venue and interval in options.intervals
        }

    def _verdict(
        self, name: str, findings: int, counts: Any, sample: Any, times: Sequence[int] = ()
    ) -> Verdict:
        severity = self.settings.quality.severity(name)
        return Verdict(
            self.table,
            name,
            "error" if severity == "error" else "warn",
            self.window,
            findings,
            dict(counts),
            tuple(sample),
            Window(min(times), max(times) + 1) if times else None,
        )


def window_to_judge(hours: Window, settings: Settings, venue: str) -> Window:
    """A run's hours and those before them: what was odd a few hours ago stays in sight."""
    begun = to_ms(datetime.combine(settings.venue(venue).start, time(), UTC))
    before = hours.start - settings.quality.look_back_hours * HOUR_MS
    return Window(min(hours.start, max(begun, before)), hours.end)


def _span(symbol: str, interval: str, window: Window, evidence: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "interval": interval,
        "from": to_text(window.start),
        "to": to_text(window.end),
        "evidence": dict(evidence),
    }


def _readable(finding: Finding) -> dict[str, Any]:
    facts = finding.facts()
    facts["from"] = to_text(facts.pop("at_ms"))
    facts["to"] = to_text(facts.pop("until_ms"))
    return facts
