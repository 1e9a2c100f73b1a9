{# A view: its day is the day of asking, while a run builds days of data. Built by days of data, what
   a backfill asked today would count only once today is built again. #}
{{ config(materialized='view') }}

with requests as (
    select
        *,
        cast(requested_at as date) as date
    from {{ ref('stg_requests') }}
),

ranked as (
    select
        *,
        row_number() over (partition by date, venue, endpoint order by latency_ms) as place,
        count(*) over (partition by date, venue, endpoint) as requests_of_day
    from requests
)

select
    date,
    venue,
    endpoint,
    count(*) as request_count,
    count(case when outcome != 'ok' then 1 end) as error_count,
    count(case when outcome = 'throttled' then 1 end) as throttled_count,
    {{ per("count(case when outcome != 'ok' then 1 end)", 'count(*)') }} as error_rate,
    {{ ranked_percentile('latency_ms', 'place', 'requests_of_day', 0.5) }} as latency_p50_ms,
    {{ ranked_percentile('latency_ms', 'place', 'requests_of_day', 0.95) }} as latency_p95_ms,
    {{ ranked_percentile('latency_ms', 'place', 'requests_of_day', 0.99) }} as latency_p99_ms,
    cast(sum(weight) as int64) as weight,
    cast(sum(bytes) as int64) as bytes
from ranked
group by date, venue, endpoint
