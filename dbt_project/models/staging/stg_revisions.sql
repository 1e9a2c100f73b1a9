{# Every correction: what a row said before, and after. #}
select
    venue,
    dataset,
    {{ interval_column() }},
    symbol,
    timestamp,
    old_values,
    new_values,
    old_ingestion_time,
    revised_at
from {{ source('ops', 'revisions') }}
