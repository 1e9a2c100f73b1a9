{# Every statement, with what it was billed or would be. #}
select
    statement_id,
    issued_at,
    label,
    asset,
    run_id,
    engine,
    is_estimate,
    bytes_processed,
    bytes_billed,
    dollars
from {{ source('ops', 'query_costs') }}
