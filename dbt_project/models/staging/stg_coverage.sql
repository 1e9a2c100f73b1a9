{# Spans of every series that need no further asking. #}
select
    venue,
    dataset,
    {{ interval_column() }},
    symbol,
    window_start,
    window_end
from {{ source('ops', 'coverage') }}
