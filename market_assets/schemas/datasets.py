"""The canonical datasets: what each table holds, in every engine and every frame.

Column names are the same in the raw tables, the marts, the data frames and the API. Types are
named once here; warehouses and pandera translate them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from market_assets.schemas import rules

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["timestamp", "string", "float", "integer", "boolean"]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind
    description: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """A canonical table: its columns in order, what makes a row unique, what it must obey."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[rules.Rule, ...]
    # What a correction is judged by: a re-read that differs in one of these replaces the row.
    values: tuple[str, ...]

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    def arrow_schema(self) -> pa.Schema:
        import pyarrow as pa

        types: Mapping[Kind, Callable[[], pa.DataType]] = {
            "timestamp": lambda: pa.timestamp("us", tz="UTC"),
            "string": pa.string,
            "float": pa.float64,
            "integer": pa.int64,
            "boolean": pa.bool_,
        }
        return pa.schema(
            [pa.field(c.name, types[c.kind](), nullable=c.nullable) for c in self.columns]
        )


_PROVENANCE = (
    Column("ingestion_time", "timestamp", "When this value was stored (UTC)"),
    Column("source", "string", "Where the value came from: rest, archive, ws or sim"),
    Column("is_backfill", "boolean", "True when loaded later than a day after it happened"),
    Column("run_id", "string", "The run that stored this value"),
)

OHLCV = Dataset(
    name="ohlcv",
    description="Closed candles, one row for venue, symbol, interval and open time",
    columns=(
        Column("timestamp", "timestamp", "Open time of the candle (UTC)"),
        Column("symbol", "string", "Canonical symbol, base then quote: BTCUSDT"),
        Column("venue", "string", "The exchange, such as binance"),
        Column("interval", "string", "Length of the candle: 1m ... 1d"),
        Column("open", "float", "First traded price, in the quote currency"),
        Column("high", "float", "Highest traded price"),
        Column("low", "float", "Lowest traded price"),
        Column("close", "float", "Last traded price"),
        Column("volume", "float", "Traded amount in units of the base currency"),
        Column("quote_volume", "float", "Traded amount in the quote currency"),
        Column("num_trades", "integer", "Number of trades, where the venue tells", nullable=True),
        Column(
            "taker_buy_volume",
            "float",
            "Base amount bought by takers, where the venue tells",
            nullable=True,
        ),
        Column(
            "taker_buy_quote_volume",
            "float",
            "Quote amount bought by takers, where the venue tells",
            nullable=True,
        ),
        *_PROVENANCE,
    ),
    key=("venue", "symbol", "interval", "timestamp"),
    rules=rules.OHLCV_RULES,
    values=(
        "open",
        "high",
        "low",
        "close",
        "volume",
        "quote_volume",
        "num_trades",
        "taker_buy_volume",
        "taker_buy_quote_volume",
    ),
)

FUNDING_RATES = Dataset(
    name="funding_rates",
    description="Settled funding, one row for each settlement of a perpetual swap",
    columns=(
        Column("timestamp", "timestamp", "Settlement time rounded to the minute (UTC)"),
        Column("symbol", "string", "Canonical symbol, base then quote: BTCUSDT"),
        Column("venue", "string", "The exchange, such as binance"),
        Column("funding_rate", "float", "Rate paid by longs to shorts at this settlement"),
        Column(
            "predicted_rate",
            "float",
            "The venue's last prediction for this settlement, where it tells",
            nullable=True,
        ),
        Column("raw_timestamp", "timestamp", "Settlement time exactly as the venue sent it (UTC)"),
        Column(
            "interval_hours",
            "float",
            "Hours since the settlement before this one; venues change it",
            nullable=True,
        ),
        Column("mark_price", "float", "Mark price at settlement, where told", nullable=True),
        *_PROVENANCE,
    ),
    key=("venue", "symbol", "timestamp"),
    rules=rules.FUNDING_RULES,
    values=("funding_rate", "predicted_rate", "raw_timestamp", "interval_hours", "mark_price"),
)

INSTRUMENTS = Dataset(
    name="instruments",
    description="What a venue lists, slowly changing: one row for each version of an instrument",
    columns=(
        Column("symbol", "string", "Canonical symbol, base then quote: BTCUSDT"),
        Column("venue", "string", "The exchange, such as binance"),
        Column("native_symbol", "string", "The venue's own name: BTC-USDT-SWAP"),
        Column("base", "string", "Base currency"),
        Column("quote", "string", "Quote currency"),
        Column("settle", "string", "Settlement currency"),
        Column("contract_size", "float", "Base units in one contract"),
        Column("tick_size", "float", "Smallest price step"),
        Column("lot_size", "float", "Smallest size step, in base units"),
        Column("status", "string", "preopen, trading, halted, settling or delisted"),
        Column("listed_at", "timestamp", "When trading began; with the symbol, the identity"),
        Column("delisted_at", "timestamp", "When trading ends or ended", nullable=True),
        Column("funding_interval_hours", "float", "Hours between settlements", nullable=True),
        Column("funding_cap", "float", "Highest funding rate allowed", nullable=True),
        Column("funding_floor", "float", "Lowest funding rate allowed", nullable=True),
        Column("valid_from", "timestamp", "Since when this version was seen (UTC)"),
        Column("valid_to", "timestamp", "Until when it held; empty while current", nullable=True),
        *_PROVENANCE,
    ),
    key=("venue", "symbol", "listed_at", "valid_from"),
    rules=rules.INSTRUMENT_RULES,
    values=(
        "native_symbol",
        "contract_size",
        "tick_size",
        "lot_size",
        "status",
        "delisted_at",
        "funding_interval_hours",
        "funding_cap",
        "funding_floor",
    ),
)

FUNDING_PREDICTIONS = Dataset(
    name="funding_predictions",
    description="What a venue predicts for its next funding, one row for each time we looked",
    columns=(
        Column("timestamp", "timestamp", "When the prediction was read, in venue time (UTC)"),
        Column("symbol", "string", "Canonical symbol, base then quote: BTCUSDT"),
        Column("venue", "string", "The exchange, such as binance"),
        Column("predicted_rate", "float", "Predicted rate of the next settlement"),
        Column("next_funding_at", "timestamp", "When that settlement is due (UTC)"),
        Column("mark_price", "float", "Mark price when read, where told", nullable=True),
        *_PROVENANCE,
    ),
    key=("venue", "symbol", "timestamp"),
    rules=rules.PREDICTION_RULES,
    values=("predicted_rate", "next_funding_at", "mark_price"),
)

TRADE_EXECUTIONS = Dataset(
    name="trade_executions",
    description="A strategy's own fills",
    columns=(
        Column("execution_id", "string", "The fill's own identity"),
        Column("timestamp", "timestamp", "When it was filled (UTC)"),
        Column("symbol", "string", "Canonical symbol, base then quote: BTCUSDT"),
        Column("venue", "string", "The exchange"),
        Column("side", "string", "buy or sell"),
        Column("price", "float", "Fill price in the quote currency"),
        Column("quantity", "float", "Filled amount in base units"),
        Column("fee", "float", "Fee in the quote currency; negative for a rebate", nullable=True),
        Column("strategy_id", "string", "The strategy that traded", nullable=True),
        Column("pnl", "float", "Realised profit in the quote currency", nullable=True),
        Column("metadata", "string", "Anything else, as JSON", nullable=True),
    ),
    key=("execution_id",),
    rules=rules.EXECUTION_RULES,
    values=(
        "timestamp",
        "symbol",
        "side",
        "price",
        "quantity",
        "fee",
        "strategy_id",
        "pnl",
        "metadata",
    ),
)

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        OHLCV,
        FUNDING_RATES,
        FUNDING_PREDICTIONS,
        INSTRUMENTS,
        TRADE_EXECUTIONS,
    )
}
