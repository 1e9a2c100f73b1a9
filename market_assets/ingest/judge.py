"""Decide why confirmed holes are absent: asks for the evidence that `evidence.py` weighs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from market_assets.ingest.candles import CandleFetcher, Candles
from market_assets.ingest.evidence import (
    HALF_OF_LONGEST,
    LONGER,
    OUTAGE_WITNESSES,
    Traded,
    VolumeTest,
    bucket_of,
    bucket_window,
    compare_volume,
)
from market_assets.ingest.finding import Finding, Work, inside_life, outside_life
from market_assets.ingest.job import joined_gaps
from market_assets.ingest.rows import times_ms
from market_assets.schemas.timeline import Window, floor_to, merge
from market_assets.venues.contract import Instrument
from market_assets.warehouse.contract import Gap, GapReason

# Symbols that trade whenever a venue is up; asked when a run's own symbols are too few to tell.
MOST_ASKED = 4
LIQUID = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "LINKUSDT")


@dataclass(frozen=True, slots=True)
class Testimony:
    """Which other symbols are absent at a moment too, and which are not."""

    absent: Sequence[str]
    trading: Sequence[str]

    @property
    def decides(self) -> bool:
        return bool(self.trading) or len(self.absent) >= OUTAGE_WITNESSES


@dataclass(slots=True)
class GapJudge:
    """Judges the holes of one chunk, where the symbols bear witness for each other."""

    fetcher: CandleFetcher
    listed: Mapping[str, Instrument]  # everything the venue lists, by symbol

    async def judge(self, chunk: Sequence[Candles]) -> dict[str, list[Gap]]:
        """Every hole of every symbol with its reason."""
        verdicts: dict[str, list[Gap]] = {}
        for candles in chunk:
            verdicts[candles.instrument.symbol] = await self._judge_symbol(candles, chunk)
        return verdicts

    async def _judge_symbol(self, candles: Candles, chunk: Sequence[Candles]) -> list[Gap]:
        if not candles.absent:
            return []
        step = candles.step
        gaps: list[Gap] = []
        not_listed = await self._before_listing(candles)
        ended = await self._after_the_last(candles)
        enough = self.fetcher.confirmations
        confirmed = [
            slot
            for slot in candles.absent
            if slot not in not_listed
            and slot not in ended
            and candles.confirmations[slot] >= enough
        ]
        volume = await self._volume_tests(candles, confirmed)
        quiet = [slot for slot in confirmed if volume[slot].traded == "no"]
        witnesses = await self._witnesses(candles, chunk, quiet)
        for slot in candles.absent:
            window = Window(slot, slot + step)
            if slot in not_listed:
                gaps.append(Gap(window, "not_listed", {"oldest_candle": not_listed[slot]}))
            elif slot in ended:
                gaps.append(Gap(window, "not_listed", {"last_candle": ended[slot]}))
            elif slot not in volume:
                gaps.append(Gap(window, "missing", self._unproven(candles, slot)))
            elif volume[slot].traded != "no":
                gaps.append(Gap(window, "missing", volume[slot].evidence))
            else:
                told = witnesses[slot]
                reason: GapReason
                evidence = {
                    "answers": enough,
                    "longer_candle": volume[slot].evidence["longer_candle"],
                    "symbols_absent_too": list(told.absent),
                }
                if told.decides:
                    reason = "no_trade" if told.trading else "venue_outage"
                elif self._others_at(candles, slot) < OUTAGE_WITNESSES:
                    reason = "no_trade"  # the venue has no other symbols to look at
                else:
                    reason = "missing"
                    evidence = {"unproven": "too few other symbols could be looked at"}
                gaps.append(Gap(window, reason, evidence))
        return joined_gaps(gaps)

    def _unproven(self, candles: Candles, slot: int) -> dict[str, Any]:
        reason = "no answer shows candles on both sides of it"
        if self.fetcher.source.problems:
            reason = self.fetcher.source.problems[-1].problem
        elif candles.confirmations[slot]:
            reason = "too few answers agree"
        return {"unproven": reason}

    async def _before_listing(self, candles: Candles) -> dict[int, int]:
        """Absent slots older than the venue's oldest candle -> that candle's time."""
        stored_first = min((int(times_ms(t).min()) for t in candles.tables), default=None)
        head = [s for s in candles.absent if stored_first is None or s < stored_first]
        if not head:
            return {}
        near = stored_first if stored_first is not None else head[-1]
        oldest = await self.fetcher.oldest(candles.instrument, near, head[0])
        if oldest is None:
            return {}
        return {slot: oldest for slot in head if slot < oldest}

    async def _after_the_last(self, candles: Candles) -> dict[int, int]:
        """Absent slots after the last candle of a symbol that vanished without a stated end."""
        instrument = candles.instrument
        last = max(candles.volumes(), default=None)
        if instrument.symbol in self.listed or instrument.delisted_at is not None or last is None:
            return {}
        tail = [slot for slot in candles.absent if slot > last]
        # Answers that reach from the candles before the last one into the time after it.
        rows = self.fetcher.source.venue.limits.candle_page_rows
        page = Window(last - candles.step, last + (rows - 1) * candles.step)
        call = self.fetcher.source.venue.candles_call(
            instrument, candles.interval, page, self.fetcher.source.now_ms()
        )
        answers = await self.fetcher.source.ask_all(
            [call] * self.fetcher.confirmations if tail else [],
            self.fetcher.source.venue.parse_candles,
            lambda _: None,
        )
        shown = [int(times_ms(rows.table).max()) for _, rows in answers if rows.table.num_rows]
        proven = len(shown) >= self.fetcher.confirmations and set(shown) == {last}
        return dict.fromkeys(tail, last) if proven else {}

    async def _volume_tests(
        self, candles: Candles, confirmed: Sequence[int]
    ) -> dict[int, VolumeTest]:
        """Hold each hole against the shortest longer candle that exists around it."""
        if not LONGER[candles.interval]:
            return await self._halves_tests(candles, confirmed)
        tests: dict[int, VolumeTest] = {}
        left = list(confirmed)
        known = set(confirmed)
        quiet_at: dict[int, str] = {}
        for longer in LONGER[candles.interval]:
            closed = [
                slot
                for slot in left
                if bucket_window(slot, longer).end <= self.fetcher.closed_until
            ]
            if not closed:
                continue
            volumes, gone = await self._longer_candles(candles, longer, closed)
            held = [slot for slot in closed if bucket_of(slot, longer) in volumes]
            await self._complete_parts(candles, longer, held)
            parts = candles.volumes()
            for slot in closed:
                bucket = bucket_of(slot, longer)
                if bucket in volumes:
                    if self._parts_known(candles, parts, bucket_window(slot, longer), known):
                        tests[slot] = compare_volume(longer, bucket, volumes[bucket], parts)
                elif bucket in gone:
                    quiet_at[slot] = longer  # this length is absent as well: look at the next
            left = [slot for slot in left if slot not in tests]
        for slot in left:
            # No candle of any length: the venue has no trade there by any account.
            if quiet_at.get(slot) == LONGER[candles.interval][-1]:
                tests[slot] = VolumeTest("no", {"longer_candle": None})
            else:
                tests[slot] = VolumeTest(
                    "unknown", {"unproven": "no longer candle around it has closed or answered"}
                )
        return tests

    async def _halves_tests(
        self, candles: Candles, confirmed: Sequence[int]
    ) -> dict[int, VolumeTest]:
        """Nothing is longer than a day: its halves tell whether anybody traded."""
        fetcher = self.fetcher.for_interval(HALF_OF_LONGEST)
        days = {slot: Window(slot, slot + candles.step) for slot in confirmed}
        found = await fetcher.fetch(candles.instrument, merge(days.values()))
        volumes = found.volumes()
        gone = {h for h in found.absent if found.confirmations[h] >= fetcher.confirmations}
        tests: dict[int, VolumeTest] = {}
        for slot, day in days.items():
            halves = day.grid(fetcher.step)
            evidence = {
                "longer_candle": None,
                "halves_present": [half for half in halves if half in volumes],
            }
            traded: Traded = "no" if all(half in gone for half in halves) else "unknown"
            tests[slot] = VolumeTest(
                "yes" if any(volumes.get(half) for half in halves) else traded, evidence
            )
        return tests

    async def _longer_candles(
        self, candles: Candles, longer: str, slots: Sequence[int]
    ) -> tuple[dict[int, float], set[int]]:
        """Volumes of the longer candles around the slots, and buckets confirmed to have none."""
        fetcher = self.fetcher.for_interval(longer)
        buckets = merge(bucket_window(slot, longer) for slot in slots)
        found = await fetcher.fetch(candles.instrument, buckets)
        gone = {b for b in found.absent if found.confirmations[b] >= fetcher.confirmations}
        return found.volumes(), gone

    async def _complete_parts(self, candles: Candles, longer: str, slots: Sequence[int]) -> None:
        """Make sure that every candle inside the longer ones was looked at."""
        have = candles.volumes()
        unseen = sorted(
            {
                part
                for slot in slots
                for part in bucket_window(slot, longer).grid(candles.step)
                if part not in have and candles.confirmations[part] == 0
            }
        )
        if unseen:
            # Neighbours outside of what was asked: only their volume is wanted.
            neighbours = Candles(candles.instrument, candles.interval, ())
            neighbours.absent = unseen
            await self.fetcher.confirm(neighbours, unseen)
            candles.seen += neighbours.seen
            for part, count in neighbours.confirmations.items():
                candles.confirmations[part] += count

    def _parts_known(
        self, candles: Candles, volumes: Mapping[int, float], bucket: Window, known: set[int]
    ) -> bool:
        enough = self.fetcher.confirmations
        return all(
            part in volumes or part in known or candles.confirmations[part] >= enough
            for part in bucket.grid(candles.step)
        )

    async def _witnesses(
        self, candles: Candles, chunk: Sequence[Candles], slots: Sequence[int]
    ) -> dict[int, Testimony]:
        """What other symbols show at each hole: the chunk's own, then others asked for it."""
        # Each with what it shows: looking that up hole by hole would take too long.
        heard = [(o, o.volumes()) for o in chunk if o is not candles] if slots else []
        told = {slot: self._testimony(heard, slot) for slot in slots}
        asked = 0
        # In the chunk, too, there can be symbols that had nothing to look for at these times.
        for name in dict.fromkeys(n for n in (*LIQUID, *sorted(self.listed)) if n in self.listed):
            undecided = [slot for slot in slots if not told[slot].decides]
            if not undecided or asked == MOST_ASKED:
                break
            witness = Candles(self.listed[name], candles.interval, ())
            known = {n for slot in undecided for n in (*told[slot].absent, *told[slot].trading)}
            if (
                name == candles.instrument.symbol
                or name in known
                or witness.instrument.listed_at > undecided[0]
            ):
                continue
            witness.absent = undecided
            await self.fetcher.confirm(witness, undecided)
            heard.append((witness, witness.volumes()))
            asked += 1
            told |= {slot: self._testimony(heard, slot) for slot in undecided}
        return told

    def _testimony(
        self, heard: Sequence[tuple[Candles, Mapping[int, float]]], slot: int
    ) -> Testimony:
        trading = {other.instrument.symbol for other, shown in heard if slot in shown}
        absent = {
            other.instrument.symbol
            for other, _ in heard
            if other.confirmations[slot] >= self.fetcher.confirmations
        }
        return Testimony(sorted(absent - trading), sorted(trading))

    def _others_at(self, candles: Candles, slot: int) -> int:
        """How many other symbols could have traded then."""
        return sum(
            1
            for i in self.listed.values()
            if i.symbol != candles.instrument.symbol
            and i.listed_at <= slot
            and (i.delisted_at is None or slot < i.delisted_at)
        )


@dataclass(slots=True)
class CandleFinder:
    """Candles of one interval: fetched, and every absence judged."""

    fetcher: CandleFetcher
    listed: Mapping[str, Instrument]

    @property
    def step(self) -> int:
        return self.fetcher.step

    @property
    def page_rows(self) -> int:
        return self.fetcher.source.venue.limits.candle_page_rows

    async def find(self, work: Work) -> list[Finding]:
        lives = dict(
            zip(
                work,
                await asyncio.gather(*(self._life(i, windows) for i, windows in work.items())),
                strict=True,
            )
        )
        found = await asyncio.gather(
            *(
                self.fetcher.fetch(instrument, inside_life(windows, lives[instrument]))
                for instrument, windows in work.items()
            )
        )
        verdicts = await GapJudge(self.fetcher, self.listed).judge(found)
        return [
            Finding(
                candles.instrument.symbol,
                windows,
                candles.tables,
                candles.quarantined,
                [
                    *outside_life(candles.instrument, windows, lives[candles.instrument]),
                    *verdicts[candles.instrument.symbol],
                ],
            )
            for candles, windows in zip(found, work.values(), strict=True)
        ]

    async def _life(self, instrument: Instrument, windows: Sequence[Window]) -> Window:
        """From the first candle to the delisting. A stated listing time can be too late: look."""
        start = floor_to(instrument.listed_at, self.step)
        end = windows[-1].end if instrument.delisted_at is None else instrument.delisted_at
        if any(window.start < start for window in windows):
            oldest = await self.fetcher.oldest(instrument, start, windows[0].start)
            start = min(start, oldest) if oldest is not None else start
        return Window(start, max(start, end))
