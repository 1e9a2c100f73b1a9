{{ config(event_time='date') }}

select
    cast(bar as date) as date,
    symbol,
    venue,
    open,
    high,
    low,
    close,
    volume,
    quote_volume,
    vwap,
    num_trades,
    taker_buy_volume,
    taker_buy_quote_volume,
    candle_count,
    no_trade_count,
    not_listed_count,
    outage_count,
    missing_count,
    is_complete,
    quality_score,
    first_candle_at,
    last_candle_at
from ({{ bars(hours=24) }}) as bars
