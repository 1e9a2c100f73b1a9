{# Hooks around every model: one writer at a time on DuckLake; BigQuery sees to it by itself. #}
{% macro take_warehouse() -%}
    {{ return(adapter.dispatch('take_warehouse', 'market_assets')()) }}
{%- endmacro %}

{% macro default__take_warehouse() -%}
{%- endmacro %}

{% macro duckdb__take_warehouse() -%}
    select take_writer_lock()
{%- endmacro %}

{% macro give_warehouse() -%}
    {{ return(adapter.dispatch('give_warehouse', 'market_assets')()) }}
{%- endmacro %}

{% macro default__give_warehouse() -%}
{%- endmacro %}

{% macro duckdb__give_warehouse() -%}
    select give_writer_lock()
{%- endmacro %}
