{{ config(event_time='timestamp') }}

{# One candle over all venues. Where nothing was traded anywhere, each venue counts the same. #}

with candles as (
    select
        *,
        case
            when sum(volume) over beside > 0 then volume
            else 1.0
        end as weight
    from {{ ref('ohlcv') }}
    where {{ in_run('timestamp') }}
    window beside as (partition by symbol, {{ interval_column() }}, timestamp)
)

select
    timestamp,
    symbol,
    {{ interval_column() }},
    sum(open * weight) / sum(weight) as open,
    max(high) as high,
    min(low) as low,
    sum(close * weight) / sum(weight) as close,
    sum(volume) as volume,
    sum(quote_volume) as quote_volume,
    {{ per('sum(quote_volume)', 'sum(volume)') }} as vwap,
    count(*) as venue_count,
    {{ per('max(close) - min(close)', 'min(close)') }} as venue_spread,
    min_by(venue, close) as cheapest_venue,
    max_by(venue, close) as dearest_venue,
    min(quality_score) as quality_score
from candles
group by timestamp, symbol, {{ interval_column() }}
