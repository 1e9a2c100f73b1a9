{# Longer bars from our own hours, with what is absent of them and why.

   A bar is complete when every hour of it is stored or proven to have no candle (nothing was traded,
   or the symbol was not listed). An outage of the venue or an hour still to come leaves it open. #}
{% macro bars(hours) %}
with hours_of_run as (
    select
        *,
        {{ floor_to_hours('timestamp', hours) }} as bar
    from {{ ref('ohlcv') }}
    where {{ interval_column() }} = '1h' and {{ in_run('timestamp') }}
),

stored as (
    select
        bar,
        symbol,
        venue,
        min_by(open, timestamp) as open,
        max(high) as high,
        min(low) as low,
        max_by(close, timestamp) as close,
        sum(volume) as volume,
        sum(quote_volume) as quote_volume,
        {{ per('sum(quote_volume)', 'sum(volume)') }} as vwap,
        cast(sum(num_trades) as int64) as num_trades,
        sum(taker_buy_volume) as taker_buy_volume,
        sum(taker_buy_quote_volume) as taker_buy_quote_volume,
        min(timestamp) as first_candle_at,
        max(timestamp) as last_candle_at,
        count(*) as candle_count,
        min(quality_score) as quality_score
    from hours_of_run
    group by bar, symbol, venue
),

absent as (
    select
        stored.bar,
        stored.symbol,
        stored.venue,
        gaps.reason,
        cast(sum(
            least({{ epoch_seconds('gaps.gap_end') }}, {{ epoch_seconds('stored.bar') }} + {{ hours * 3600 }})
            - greatest({{ epoch_seconds('gaps.gap_start') }}, {{ epoch_seconds('stored.bar') }})
        ) / 3600 as int64) as hours
    from stored
    inner join {{ ref('stg_gaps') }} as gaps
        on stored.venue = gaps.venue
        and stored.symbol = gaps.symbol
        and {{ epoch_seconds('gaps.gap_start') }} < {{ epoch_seconds('stored.bar') }} + {{ hours * 3600 }}
        and {{ epoch_seconds('gaps.gap_end') }} > {{ epoch_seconds('stored.bar') }}
    where gaps.dataset = 'ohlcv' and gaps.{{ interval_column() }} = '1h'
    group by stored.bar, stored.symbol, stored.venue, gaps.reason
),

reasons as (
    select
        bar,
        symbol,
        venue,
        sum(case when reason = 'no_trade' then hours else 0 end) as no_trade_count,
        sum(case when reason = 'not_listed' then hours else 0 end) as not_listed_count,
        sum(case when reason = 'venue_outage' then hours else 0 end) as outage_count,
        sum(case when reason = 'missing' then hours else 0 end) as missing_count
    from absent
    group by bar, symbol, venue
),

bars as (
    select
        stored.*,
        cast(coalesce(reasons.no_trade_count, 0) as int64) as no_trade_count,
        cast(coalesce(reasons.not_listed_count, 0) as int64) as not_listed_count,
        cast(coalesce(reasons.outage_count, 0) as int64) as outage_count,
        cast(coalesce(reasons.missing_count, 0) as int64) as missing_count
    from stored
    left join reasons
        on stored.bar = reasons.bar
        and stored.symbol = reasons.symbol
        and stored.venue = reasons.venue
)

select
    *,
    candle_count + no_trade_count + not_listed_count = {{ hours }} as is_complete
from bars
{% endmacro %}
