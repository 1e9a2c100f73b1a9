{# The fills of one's own strategies on every venue. #}
{% for venue in var('venues') %}
select
    execution_id,
    timestamp,
    symbol,
    venue,
    side,
    price,
    quantity,
    fee,
    strategy_id,
    pnl,
    metadata
from {{ source('raw', venue ~ '_trade_executions') }}
{{ 'union all' if not loop.last }}
{% endfor %}
