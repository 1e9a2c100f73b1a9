"""Whether each raw table is fresh: what the asset check says, by the rule of the alerts.

Unlike the alerts, which tell one venue down once, a table is not fresh whatever the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from market_assets.health import Observed, Policy
from market_assets.health.look import Age, Look, member_of
from market_assets.schemas.datasets import Dataset
from market_assets.schemas.timeline import DAY_MS, floor_to, to_ms
from market_assets.watch.facts import RECENT_DAYS, Facts
from market_assets.watch.listings import listings
from market_assets.watch.memory import read_memory
from market_assets.watch.observing import series_of
from market_assets.watch.stored_series import stored_series, wanted_series

if TYPE_CHECKING:
    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse

_NAMED = 3


@dataclass(frozen=True, slots=True)
class TableFreshness:
    """The ages of one table's series, the oldest first."""

    venue: str
    dataset: str
    ages: Sequence[Age]

    @property
    def stale(self) -> list[Age]:
        return [age for age in self.ages if age.is_stale]

    @property
    def passed(self) -> bool:
        return not self.stale

    @property
    def text(self) -> str:
        """The verdict in one sentence."""
        if self.passed:
            return f"{len(self.ages)} series are fresh, or owe nothing"
        stale = self.stale
        named = ", ".join(member_of(age.series) for age in stale[:_NAMED])
        more = ", ..." if len(stale) > _NAMED else ""
        oldest = stale[0].oldest.total_seconds() / 60
        limit = stale[0].limit.total_seconds() / 60
        return (
            f"{len(stale)} of {len(self.ages)} series have no new rows: {named}{more};"
            f" the oldest is {oldest:.0f} min old (limit {limit:.0f})"
        )


def fresh_tables(
    observed: Observed, policy: Policy, now: datetime
) -> Mapping[tuple[str, str], TableFreshness] | None:
    """(venue, dataset) -> its freshness; None when the series could not be seen."""
    ages = Look(observed, policy, now).ages
    if ages is None:
        return None
    tables: dict[tuple[str, str], list[Age]] = {}
    for age in ages:
        tables.setdefault((age.series.venue, age.series.dataset), []).append(age)
    return {
        key: TableFreshness(*key, sorted(found, key=lambda age: age.oldest, reverse=True))
        for key, found in tables.items()
    }


def table_freshness(
    settings: Settings,
    warehouse: Warehouse,
    venue: str,
    dataset: Dataset,
    now: datetime,
) -> TableFreshness:
    """The same of one table, for the run that has just written it."""
    wanted = [k for k in wanted_series(settings) if (k.venue, k.dataset) == (venue, dataset.name)]
    since = floor_to(to_ms(now), DAY_MS) - (RECENT_DAYS - 1) * DAY_MS
    names = {f"raw.{venue}_{dataset.name}", f"raw.{venue}_instruments"}
    facts = Facts(
        since=since,
        stored=stored_series(warehouse, wanted, names, since),
        listed=listings(warehouse, [venue], names),
    )
    memory = read_memory(settings.state_dir)
    known = memory.wanted if memory is not None else {}
    observed = Observed(
        series=tuple(series_of(settings, k, facts, known.get(" ".join(k))) for k in wanted),
        # Never looked at: what never came is owed from now on.
        began_at=memory.began_at if memory is not None else now,
    )
    tables = fresh_tables(observed, Policy.of(settings), now) or {}
    return tables[venue, dataset.name]
