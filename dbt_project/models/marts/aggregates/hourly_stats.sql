{{ config(event_time='timestamp') }}

{% set hour = 3600 %}

with hours as (
    select
        *,
        {{ epoch_seconds('timestamp') }} as opened_at
    from {{ ref('ohlcv') }}
    where {{ interval_column() }} = '1h' and {{ read_for_run('timestamp', days=1) }}
),

looked_back as (
    select
        *,
        {# The candle of just one hour earlier: over a gap there is no hourly return. #}
        max(close) over (
            partition by venue, symbol order by opened_at
            range between {{ hour }} preceding and {{ hour }} preceding
        ) as close_1h_before,
        avg(volume) over (
            partition by venue, symbol order by opened_at
            range between {{ 23 * hour }} preceding and current row
        ) as average_volume_24h
    from hours
)

select
    timestamp,
    symbol,
    venue,
    close,
    close / nullif(close_1h_before, 0) - 1 as return_1h,
    {{ per('high - low', 'open') }} as high_low_range,
    volume,
    quote_volume,
    {{ per('quote_volume', 'volume') }} as vwap,
    num_trades,
    {{ per('quote_volume', 'num_trades') }} as average_trade_size,
    {{ per('taker_buy_volume', 'volume') }} as taker_buy_ratio,
    average_volume_24h,
    {{ per('volume', 'average_volume_24h') }} as volume_ratio_24h
from looked_back
where {{ in_run('timestamp') }}
