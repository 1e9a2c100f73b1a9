{# A view: the verdict on an old day changes without a candle of that day changing (a missing hour
   turns out to be an outage), so days once built would go stale. It tells of the last days alone:
   whoever asks for a day reads all that it counts. #}
{{ config(materialized='view') }}

{% set reasons = ['no_trade', 'venue_outage', 'not_listed', 'missing'] %}

with stored as (
    select
        venue,
        symbol,
        {{ interval_column() }},
        {{ epoch_days('cast(timestamp as date)') }} as day,
        count(*) as present_count
    from {{ ref('ohlcv') }}
    -- The day before the first one as well: it begins within it.
    where timestamp >= {{ days_ago(var('completeness_days') + 1) }}
    group by venue, symbol, {{ interval_column() }}, day
),

absent as (
    select
        venue,
        symbol,
        {{ interval_column() }},
        {{ epoch_seconds('gap_start') }} as started_at,
        {{ epoch_seconds('gap_end') }} as ended_at,
        reason
    from {{ ref('stg_gaps') }}
    where dataset = 'ohlcv'
),

spans as (
    select
        venue,
        symbol,
        {{ interval_column() }},
        {{ epoch_seconds('window_start') }} as started_at,
        {{ epoch_seconds('window_end') }} as ended_at
    from {{ ref('stg_coverage') }}
    where dataset = 'ohlcv'

    union all

    select
        venue,
        symbol,
        {{ interval_column() }},
        started_at,
        ended_at
    from absent

    union all

    select
        venue,
        symbol,
        {{ interval_column() }},
        min(day) * 86400 as started_at,
        (max(day) + 1) * 86400 as ended_at
    from stored
    group by venue, symbol, {{ interval_column() }}
),

{# From the first day anything is known of, or that is told of, to the last. #}
series as (
    select
        venue,
        symbol,
        {{ interval_column() }},
        {{ interval_seconds(interval_column()) }} as step,
        greatest(
            cast(floor(min(started_at) / 86400) as int64),
            cast(floor({{ epoch_seconds(utc_now()) }} / 86400) as int64) - {{ var('completeness_days') }}
        ) as first_day,
        cast(ceil(max(ended_at) / 86400) as int64) - 1 as last_day
    from spans
    group by venue, symbol, {{ interval_column() }}
),

calendar as (
    {{ calendar('series', 'first_day', 'last_day') }}
),

{# Only what has closed by now can be expected. #}
days as (
    select
        series.*,
        calendar.day,
        calendar.day * 86400 as opens_at,
        (calendar.day + 1) * 86400 as closes_at,
        cast(floor(
            least(86400, greatest(0, {{ epoch_seconds(utc_now()) }} - calendar.day * 86400))
            / series.step
        ) as int64) as expected_count
    from series
    inner join calendar
        on calendar.day between series.first_day and series.last_day
),

{# Candles that open within a gap and within the day. #}
counted as (
    select
        days.venue,
        days.symbol,
        days.{{ interval_column() }},
        days.day,
        {% for reason in reasons %}
        sum(case when absent.reason = '{{ reason }}' then
            cast(ceil(least(absent.ended_at, days.closes_at) / days.step) as int64)
            - cast(ceil(greatest(absent.started_at, days.opens_at) / days.step) as int64)
        else 0 end) as {{ reason }}_count{{ ',' if not loop.last }}
        {% endfor %}
    from days
    inner join absent
        on days.venue = absent.venue
        and days.symbol = absent.symbol
        and days.{{ interval_column() }} = absent.{{ interval_column() }}
        and absent.started_at < days.closes_at
        and absent.ended_at > days.opens_at
    group by days.venue, days.symbol, days.{{ interval_column() }}, days.day
),

judged as (
    select
        {{ add_days("date '1970-01-01'", 'days.day') }} as date,
        days.venue,
        days.symbol,
        days.{{ interval_column() }},
        days.expected_count,
        coalesce(stored.present_count, 0) as present_count,
        {% for reason in reasons %}
        cast(coalesce(counted.{{ reason }}_count, 0) as int64) as {{ reason }}_count,
        {% endfor %}
        greatest(
            0,
            days.expected_count
            - coalesce(stored.present_count, 0)
            {% for reason in reasons %}
            - coalesce(counted.{{ reason }}_count, 0)
            {% endfor %}
        ) as unasked_count
    from days
    left join stored
        on days.venue = stored.venue
        and days.symbol = stored.symbol
        and days.{{ interval_column() }} = stored.{{ interval_column() }}
        and days.day = stored.day
    left join counted
        on days.venue = counted.venue
        and days.symbol = counted.symbol
        and days.{{ interval_column() }} = counted.{{ interval_column() }}
        and days.day = counted.day
)

select
    date,
    venue,
    symbol,
    {{ interval_column() }},
    expected_count,
    present_count,
    no_trade_count,
    venue_outage_count,
    not_listed_count,
    missing_count,
    cast(unasked_count as int64) as unasked_count,
    {{ per('expected_count - missing_count - unasked_count', 'expected_count') }} as completeness
from judged
