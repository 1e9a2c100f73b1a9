{# `interval` is a keyword in both engines, each with its own quotes. #}
{% macro interval_column(table=none) -%}
    {{ table ~ '.' if table }}{{ adapter.quote('interval') }}
{%- endmacro %}

{# Schemas are named as they are: `marts`, not `marts_marts`. On BigQuery their names may begin with
   a prefix, as those of the sources do: several installations share one project then. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set name = (custom_schema_name or 'marts') | trim -%}
    {{ return(adapter.dispatch('dataset', 'market_assets')(name)) }}
{%- endmacro %}

{% macro default__dataset(name) -%}
    {{ return(env_var('DBT_BIGQUERY_DATASET_PREFIX', '') ~ name) }}
{%- endmacro %}

{% macro duckdb__dataset(name) -%}
    {{ return(name) }}
{%- endmacro %}
