{{ config(event_time='timestamp') }}

{% set month = 30 * 24 * 3600 %}

with settled as (
    select
        *,
        {{ epoch_seconds('timestamp') }} as settled_at
    from {{ ref('stg_funding_rates') }}
),

{# The cap of the version in force at the settlement; before the first one we saw, that first one. #}
caps as (
    select
        venue,
        symbol,
        valid_from,
        valid_to,
        funding_cap,
        funding_floor,
        row_number() over (partition by venue, symbol order by valid_from, listed_at) as version
    from {{ ref('stg_instruments') }}
),

capped as (
    select
        settled.*,
        caps.funding_cap,
        caps.funding_floor
    from settled
    left join caps
        on settled.venue = caps.venue
        and settled.symbol = caps.symbol
        and (settled.timestamp >= caps.valid_from or caps.version = 1)
        and (settled.timestamp < caps.valid_to or caps.valid_to is null)
    {# GoogleSQL takes a QUALIFY only after one of WHERE, GROUP BY and HAVING. #}
    where true
    qualify row_number() over (
        partition by settled.venue, settled.symbol, settled.timestamp
        order by caps.valid_from desc
    ) = 1
),

looked_back as (
    select
        *,
        lag(interval_hours) over by_time as previous_interval_hours,
        lag(settled_at) over by_time as previous_settled_at,
        avg(funding_rate) over month_before as average_rate,
        stddev_samp(funding_rate) over month_before as deviation_of_rate,
        count(*) over month_before as settlements_before
    from capped
    window
        by_time as (partition by venue, symbol order by settled_at),
        month_before as (
            partition by venue, symbol
            order by settled_at
            range between {{ month }} preceding and 1 preceding
        )
),

flagged as (
    select
        *,
        case when settlements_before >= 21
            then (funding_rate - average_rate) / nullif(deviation_of_rate, 0)
        end as rate_z_score,
        coalesce(
            funding_rate > funding_cap or funding_rate < funding_floor, false
        ) as is_outside_cap,
        coalesce(
            interval_hours != previous_interval_hours
            and settled_at - previous_settled_at <= {{ month }},
            false
        ) as is_interval_changed
    from looked_back
)

select
    timestamp,
    symbol,
    venue,
    funding_rate,
    predicted_rate,
    interval_hours,
    funding_rate * {{ settlements_a_year('interval_hours') }} as annualised_rate,
    mark_price,
    {{ quality_score({
        'is_outside_cap': 50,
        'is_rate_outlier': 10,
        'is_interval_changed': 10,
    }) }} as quality_score,
    is_outside_cap,
    is_interval_changed,
    is_rate_outlier,
    rate_z_score,
    raw_timestamp,
    ingestion_time,
    source,
    is_backfill,
    run_id
from (
    select
        *,
        coalesce(abs(rate_z_score) > {{ var('volume_z_score') }}, false) as is_rate_outlier
    from flagged
) as scored
where {{ in_run('timestamp') }}
