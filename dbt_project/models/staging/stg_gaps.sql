{# Absent spans of every series, with the reason. #}
select
    venue,
    dataset,
    {{ interval_column() }},
    symbol,
    gap_start,
    gap_end,
    candles,
    reason,
    evidence,
    recorded_at
from {{ source('ops', 'gaps') }}
