{# Every version of every venue's instruments. #}
{% for venue in var('venues') %}
select
    symbol,
    venue,
    native_symbol,
    base,
    quote,
    settle,
    contract_size,
    tick_size,
    lot_size,
    status,
    listed_at,
    delisted_at,
    funding_interval_hours,
    funding_cap,
    funding_floor,
    valid_from,
    valid_to,
    ingestion_time
from {{ source('raw', venue ~ '_instruments') }}
{{ 'union all' if not loop.last }}
{% endfor %}
