"""This machine's clock, held against the venues': nothing about time can be told by a wrong one.

A stored candle has closed by its venue's clock. Where every series of some dataset lies in the
future, it is our clock that is behind. One that jumped forward cannot be told from a hole between
two looks, and is told as one.
"""

from __future__ import annotations

from collections.abc import Iterator

from market_assets.health.look import Look
from market_assets.health.words import length, moment
from market_assets.schemas.verdicts import Verdict

SCOPE = "clock"


def judge(look: Look) -> Iterator[Verdict]:
    groups: dict[tuple[str, str, str], list[bool]] = {}
    for age in look.ages or ():
        series = age.series
        if series.newest_data_at is not None:
            peers = groups.setdefault((series.venue, series.dataset, series.interval), [])
            peers.append(age.phase == "ahead")
    behind = sorted(group for group, ahead in groups.items() if all(ahead))
    if behind:
        venue, dataset, _ = behind[0]
        text = (
            f"this machine's clock says {moment(look.now)}, and every {dataset} row of {venue} is"
            " newer: nothing about time can be told until it is right"
        )
        yield Verdict("watch_failed", SCOPE, "", "failing", text)
        return
    previous = look.observed.previous
    if previous is not None and previous.at > look.latest:
        text = f"this machine's clock went back by {length(previous.at - look.now)} or more"
        yield Verdict(
            "watch_failed",
            f"{SCOPE} set back",
            f"from {moment(previous.at)}",
            "failing",
            text,
            is_event=True,
        )
    if groups:
        yield Verdict("watch_failed", SCOPE, "", "ok", "the clock agrees with the venues'")
