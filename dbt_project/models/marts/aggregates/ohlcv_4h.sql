{{ config(event_time='timestamp') }}

select
    bar as timestamp,
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
    quality_score
from ({{ bars(hours=4) }}) as bars
