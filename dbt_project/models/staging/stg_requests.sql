{# Every request made to a venue. #}
select
    requested_at,
    venue,
    endpoint,
    symbol,
    status,
    outcome,
    latency_ms,
    weight,
    attempt,
    bytes,
    run_id
from {{ source('ops', 'requests') }}
