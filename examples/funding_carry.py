"""Read the marts while the platform runs, and backtest funding carry on them.

python examples/funding_carry.py --config .state/demo/platform.yaml --out carry.png

The idea: a short perpetual and as much spot bought earn the funding that longs pay, whatever the
price does. Each day the carry of the symbols is known at its end; the position of the next day is
taken by it and earns that day's funding. Costs are paid when a position changes. Nothing else is in
it: no basis risk, no margin, no borrowing. It shows how to read, and is no advice to trade.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from market_assets.settings import load_settings
from market_assets.warehouse.opening import open_warehouse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Point-in-time: a row uses only what was known at the end of its day, so tomorrow may act on it.
SIGNALS = """
    select date, symbol, venue, close, funding_rate_annualised, funding_1d
    from marts.features_daily
    where venue = 'binance' and is_complete
    order by date, symbol
"""


@dataclass(frozen=True)
class Carry:
    """What a rule earned, day by day, as fractions of the capital."""

    daily: pd.Series
    held: pd.DataFrame  # weight by date and symbol

    @property
    def equity(self) -> pd.Series:
        return (1 + self.daily).cumprod()

    def summary(self) -> str:
        days = len(self.daily)
        if days < 30:
            return f"{days} days: too few to say anything. Backfill more, then ask again."
        grown = self.equity.iloc[-1] ** (365 / days) - 1
        deepest = (self.equity / self.equity.cummax() - 1).min()
        invested = (self.held.sum(axis="columns") > 0).mean()
        return (
            f"{days} days: {grown:+.2%} a year, deepest loss {deepest:.2%},"
            f" invested on {invested:.0%} of the days"
        )


def read(config: Path | None, sql: str) -> pa.Table:
    """An answer of the warehouse in Arrow: `.to_pandas()`, `polars.from_arrow(...)`, DuckDB, ...

    Readers take no lock and see whole commits only: nothing waits for them, and they for nobody.
    """
    with open_warehouse(load_settings(config), read_only=True) as warehouse:
        return warehouse.query(sql)


def backtest(signals: pd.DataFrame, *, threshold: float, cost_bps: float) -> Carry:
    """Short what pays more than `threshold` a year, in equal parts; act the day after."""
    carry = signals.pivot(index="date", columns="symbol", values="funding_rate_annualised")
    earned = signals.pivot(index="date", columns="symbol", values="funding_1d").fillna(0.0)
    wanted = (carry > threshold).astype(float)
    weights = wanted.div(wanted.sum(axis="columns").clip(lower=1), axis="index")
    held = weights.shift(1, fill_value=0.0)
    traded = held.diff().fillna(held).abs().sum(axis="columns")
    return Carry((held * earned).sum(axis="columns") - traded * cost_bps / 10_000, held)


def draw(carry: Carry, file: Path) -> None:
    """The equity above, what was held below."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, (above, below) = plt.subplots(
        2, 1, figsize=(10, 6), sharex=True, height_ratios=[2, 1], layout="constrained"
    )
    above.plot(carry.equity.index, (carry.equity - 1) * 100, color="#2f6f4f")
    above.set_ylabel("earned, %")
    above.set_title(f"Funding carry: {carry.summary()}", fontsize=10)
    below.stackplot(carry.held.index, carry.held.T * 100, labels=list(carry.held.columns))
    below.set_ylabel("held, %")
    below.legend(loc="upper left", ncols=5, fontsize=7)
    figure.savefig(file, dpi=120)
    plt.close(figure)


def main() -> None:
    """Backtest, and write the picture."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--config", type=Path, help="platform.yaml, or the demo's")
    arguments.add_argument("--out", type=Path, default=Path("carry.png"))
    arguments.add_argument("--threshold", type=float, default=0.05, help="carry a year")
    arguments.add_argument("--cost-bps", type=float, default=5.0, help="for each change")
    given = arguments.parse_args()
    signals = read(given.config, SIGNALS).to_pandas()
    carry = backtest(signals, threshold=given.threshold, cost_bps=given.cost_bps)
    draw(carry, given.out)
    print(carry.summary())
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
