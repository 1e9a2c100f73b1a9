{{ config(materialized='view') }}

with hours as (
    select
        *,
        {{ epoch_seconds('timestamp') }} as opened_at,
        max({{ epoch_seconds('timestamp') }}) over (partition by venue, symbol) as latest_at
    from {{ ref('ohlcv') }}
    where {{ interval_column() }} = '1h'
        -- The day before the oldest last hour as well: its 24 hours.
        and timestamp >= {{ days_ago(var('latest_days') + 1) }}
),

last_day as (
    select
        venue,
        symbol,
        max(timestamp) as timestamp,
        max_by(close, opened_at) as latest_price,
        max(case when opened_at = latest_at - 86400 then close end) as price_24h_before,
        max(case when opened_at > latest_at - 86400 then high end) as high_24h,
        min(case when opened_at > latest_at - 86400 then low end) as low_24h,
        sum(case when opened_at > latest_at - 86400 then volume end) as volume_24h,
        sum(case when opened_at > latest_at - 86400 then quote_volume end) as quote_volume_24h,
        avg(case when opened_at > latest_at - 86400 then volume end) as average_volume_24h,
        count(case when opened_at > latest_at - 86400 then 1 end) as candle_count_24h
    from hours
    where opened_at >= latest_at - 86400
        and latest_at >= {{ epoch_seconds(utc_now()) }} - {{ var('latest_days') * 86400 }}
    group by venue, symbol
),

last_funding as (
    select
        venue,
        symbol,
        max_by(funding_rate, timestamp) as funding_rate,
        {{ last_known('annualised_rate', 'timestamp') }} as annualised_funding_rate,
        max(timestamp) as funding_at
    from {{ ref('funding_rates') }}
    where timestamp >= {{ days_ago(var('latest_days') + 1) }}
    group by venue, symbol
)

select
    last_day.symbol,
    last_day.venue,
    last_day.timestamp,
    last_day.latest_price,
    last_day.latest_price / nullif(last_day.price_24h_before, 0) - 1 as change_24h,
    last_day.high_24h,
    last_day.low_24h,
    last_day.volume_24h,
    last_day.quote_volume_24h,
    last_day.average_volume_24h,
    last_day.candle_count_24h,
    last_funding.funding_rate,
    last_funding.annualised_funding_rate,
    last_funding.funding_at
from last_day
left join last_funding
    on last_day.venue = last_funding.venue and last_day.symbol = last_funding.symbol
