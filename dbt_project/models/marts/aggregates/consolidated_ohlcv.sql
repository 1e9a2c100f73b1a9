{{ config(event_time='timestamp') }}

{# One candle over all venues. Where nothing was traded anywhere, each venue counts the same. #}

with candles as (
    select
        *,
        case
            when sum(volume) over beside > 0 then volume
            else 1.0
        end as weight,
        min(close) over beside as lowest_close,
        max(close) over beside as highest_close
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
    case when count(*) > 1
        then {{ per('max(close) - min(close)', 'min(close)') }}
    end as venue_spread,
    {# Not min_by: of two equal closes it may name either venue, and another one the next time. #}
    min(case when close = lowest_close then venue end) as cheapest_venue,
    min(case when close = highest_close then venue end) as dearest_venue,
    min(quality_score) as quality_score
from candles
group by timestamp, symbol, {{ interval_column() }}
