"""Every rule there is, by name. What is added here is run, shown and documented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from market_assets.checks import anomalies, candle_rules, funding_rules, life_rules
from market_assets.checks.findings import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from market_assets.checks.policy import Policy
    from market_assets.checks.scenes import CandleScene, FundingScene

CANDLE_RULES: tuple[Rule[CandleScene], ...] = (
    Rule(
        "off_grid",
        "Open times on the grid",
        "A candle opens at a multiple of its interval since 1970, and not in the future.",
        "candles",
        "",
        candle_rules.off_grid,
    ),
    Rule(
        "ohlc_inconsistent",
        "Consistent OHLC",
        "High is not below open or close, low not above them, prices are above 0, volume not"
        " below 0.",
        "candles",
        "",
        candle_rules.ohlc_inconsistent,
    ),
    Rule(
        "price_out_of_range",
        "Price within its range",
        "Close at most so many times above or below the mean close of the seven days before.",
        "candles",
        "price_range_factor",
        candle_rules.price_out_of_range,
    ),
    Rule(
        "price_jump",
        "No jumps",
        "Close at most so many percent away from the close before, where that is at most seven"
        " days old.",
        "candles",
        "price_jump_percent",
        candle_rules.price_jump,
    ),
    Rule(
        "volume_outlier",
        "Volume near its mean",
        "Volume at most so many standard deviations away from the mean of the seven days before;"
        " needs 24 candles.",
        "candles",
        "volume_z_score",
        candle_rules.volume_outlier,
    ),
    Rule(
        "return_anomaly",
        "Usual moves",
        "Log return at most so many robust deviations (median, MAD) away from those of the days"
        " before.",
        "candles",
        "anomaly_score",
        anomalies.return_anomaly,
    ),
    Rule(
        "volume_anomaly",
        "Usual volumes",
        "Log volume at most so many robust deviations (median, MAD) away from those of the same"
        " hour of day on the days before.",
        "candles",
        "anomaly_score",
        anomalies.volume_anomaly,
    ),
    Rule(
        "cross_venue_divergence",
        "Venues agree",
        "Close at most so many percent away from the nearest other venue's at the same time.",
        "candles",
        "cross_venue_percent",
        candle_rules.cross_venue_divergence,
    ),
    Rule(
        "flat_run",
        "No flat runs",
        "Fewer than so many candles in a row without volume and with one price.",
        "candles",
        "flat_run_candles",
        candle_rules.flat_run,
    ),
    Rule(
        "stale_symbol",
        "Nothing silent",
        "The last so many candles of a symbol do not all repeat one price, and are not absent"
        " while other symbols of the venue go on. A symbol that the venue calls halted or"
        " delisted may be silent.",
        "candles",
        "stale_candles",
        life_rules.stale_symbol,
    ),
    Rule(
        "delisted_printing",
        "Nothing after the end",
        "No candle opens at the delisting or later, before a next listing of the symbol.",
        "candles",
        "",
        life_rules.delisted_printing,
    ),
    Rule(
        "ticker_reused",
        "One instrument a name",
        "No candle is of an older listing of its symbol, and over a gap or a listing the price"
        " keeps its scale.",
        "candles",
        "reuse_price_factor",
        life_rules.ticker_reused,
    ),
)

FUNDING_RULES: tuple[Rule[FundingScene], ...] = (
    Rule(
        "funding_off_schedule",
        "Settled on the hour",
        "A settlement is at a whole hour, stamped within seconds of it, and not in the future.",
        "funding",
        "funding_drift_seconds",
        funding_rules.funding_off_schedule,
    ),
    Rule(
        "funding_interval_changed",
        "One funding interval",
        "The interval is that of the settlement before, and the distance to it is as long.",
        "funding",
        "",
        funding_rules.funding_interval_changed,
    ),
    Rule(
        "funding_outside_cap",
        "Funding within its caps",
        "The rate is within the instrument's own cap and floor of that time; where it names none,"
        " within the ceiling of all.",
        "funding",
        "funding_ceiling",
        funding_rules.funding_outside_cap,
    ),
)

RULES: tuple[Rule[Any], ...] = (*CANDLE_RULES, *FUNDING_RULES)


def judge_candles(
    scene: CandleScene, policy: Policy, rules: Iterable[Rule[CandleScene]] = CANDLE_RULES
) -> dict[str, list[Finding]]:
    """What each rule finds, by its name; an empty list where it is content."""
    return {rule.name: rule.find(scene, policy) for rule in rules}


def judge_funding(
    scene: FundingScene, policy: Policy, rules: Iterable[Rule[FundingScene]] = FUNDING_RULES
) -> dict[str, list[Finding]]:
    """The same of settled funding."""
    return {rule.name: rule.find(scene, policy) for rule in rules}
