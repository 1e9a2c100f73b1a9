{# Rows for a unit test as SQL, as a staging model hands them over: dbt takes rows of an ephemeral
   model in no other form, and guesses types from the values. What a row leaves out is null.

   given('ohlcv', [{'timestamp': '2026-01-01 00:00:00', 'close': 1.0}, ...]) #}
{% macro given(dataset, rows) -%}
    {%- set columns = given_columns()[dataset].split() -%}
    {%- for row in rows or [{}] %}
    select
        {%- for column in columns %}
        {%- set name, type = column.split(':') if ':' in column else [column, 'float64'] %}
        {%- set value = row.get(name) %}
        cast({{ "'" ~ value ~ "'" if value is string else 'null' if value is none else value }} as {{ type }})
            as {{ adapter.quote(name) }}{{ ',' if not loop.last }}
        {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor -%}
    {%- if not rows %} from (select 1 as nothing) as nothing where false{% endif -%}
{%- endmacro %}

{# Name and type of each column; float64 where none is named. #}
{% macro given_columns() -%}
    {%- set series = 'venue:string dataset:string interval:string symbol:string ' -%}
    {%- set stored = ' ingestion_time:timestamp source:string is_backfill:boolean run_id:string' -%}
    {%- set candle -%}
        timestamp:timestamp symbol:string venue:string interval:string open high low close
        volume quote_volume num_trades:int64 taker_buy_volume taker_buy_quote_volume
    {%- endset -%}
    {{ return({
        'ohlcv': candle ~ stored,
        'judged_ohlcv': candle ~ ' quality_score',
        'funding_rates': 'timestamp:timestamp symbol:string venue:string funding_rate predicted_rate'
            ~ ' raw_timestamp:timestamp interval_hours mark_price' ~ stored,
        'instruments': 'symbol:string venue:string listed_at:timestamp valid_from:timestamp'
            ~ ' valid_to:timestamp funding_cap funding_floor',
        'gaps': series ~ 'gap_start:timestamp gap_end:timestamp reason:string',
        'coverage': series ~ 'window_start:timestamp window_end:timestamp',
        'requests': 'requested_at:timestamp venue:string endpoint:string outcome:string latency_ms'
            ~ ' weight:int64 bytes:int64',
        'revisions': series ~ 'timestamp:timestamp old_values:string new_values:string'
            ~ ' revised_at:timestamp',
        'query_costs': 'issued_at:timestamp label:string asset:string bytes_processed:int64'
            ~ ' bytes_billed:int64 dollars',
    }) }}
{%- endmacro %}
