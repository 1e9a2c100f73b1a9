{# What the raw tables said at a moment (UTC, as text: '2026-03-01 12:00:00'), over all venues:
   select ... from {{ ohlcv_as_of('2026-03-01 12:00:00') }} as candles

   A value holds from its ingestion until it is revised. So at the moment a row said what its oldest
   later revision calls old, or else what it says now. How to run a backtest again: as_of.yml. #}
{% macro ohlcv_as_of(moment) -%}
    {{ raw_as_of('ohlcv', moment, key=['timestamp', 'symbol', 'interval'], values={
        'open': 'float64', 'high': 'float64', 'low': 'float64', 'close': 'float64',
        'volume': 'float64', 'quote_volume': 'float64', 'num_trades': 'int64',
        'taker_buy_volume': 'float64', 'taker_buy_quote_volume': 'float64',
    }) }}
{%- endmacro %}

{% macro funding_rates_as_of(moment) -%}
    {{ raw_as_of('funding_rates', moment, key=['timestamp', 'symbol'], values={
        'funding_rate': 'float64', 'predicted_rate': 'float64', 'raw_timestamp': 'timestamp',
        'interval_hours': 'float64', 'mark_price': 'float64',
    }) }}
{%- endmacro %}

{% macro raw_as_of(dataset, moment, key, values) -%}
    {%- set then = "cast('" ~ moment ~ "' as timestamp)" -%}
    {%- set keys = [] -%}
    {%- for name in key %}{% do keys.append(adapter.quote(name)) %}{% endfor -%}
(
    {%- for venue in var('venues') %}
    select
        stored.{{ keys[:2] | join(', stored.') }},
        stored.venue,
        {%- for name in keys[2:] %}
        stored.{{ name }},
        {%- endfor %}
        {%- for name, type in values.items() %}
        {{ value_as_of(name, type) }} as {{ name }},
        {%- endfor %}
        coalesce(replaced.old_ingestion_time, stored.ingestion_time) as ingestion_time,
        {#- The oldest revisions do not tell where a value came from. #}
        coalesce({{ old_value('source', 'string') }}, stored.source) as source,
        coalesce({{ old_value('is_backfill', 'boolean') }}, stored.is_backfill) as is_backfill,
        coalesce(replaced.old_run_id, stored.run_id) as run_id
    from {{ source('raw', venue ~ '_' ~ dataset) }} as stored
    left join (
        select {{ keys | join(', ') }}, old_values, old_run_id, old_ingestion_time, revised_at
        from {{ source('ops', 'revisions') }}
        where venue = '{{ venue }}' and dataset = '{{ dataset }}' and revised_at > {{ then }}
        {#- Of two at one instant the first replaced what is older. #}
        qualify row_number() over (
            partition by {{ keys | join(', ') }} order by revised_at, old_ingestion_time
        ) = 1
    ) as replaced
        on {% for name in keys -%}
            stored.{{ name }} = replaced.{{ name }}{{ ' and ' if not loop.last }}
        {%- endfor %}
    where coalesce(replaced.old_ingestion_time, stored.ingestion_time) <= {{ then }}
        and {{ on_any_day('stored.timestamp') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)
{%- endmacro %}

{% macro value_as_of(name, type) -%}
    case when replaced.revised_at is null then stored.{{ name }}
        else {{ old_value(name, type) }} end
{%- endmacro %}

{% macro old_value(name, type) -%}
    cast({{ json_text('replaced.old_values', name) }} as {{ type }})
{%- endmacro %}
