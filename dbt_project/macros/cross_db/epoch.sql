{# Whole seconds since 1970 of a UTC timestamp, cut and not rounded: the ordering of every window over
   time. #}
{% macro epoch_seconds(timestamp) -%}
    {{ return(adapter.dispatch('epoch_seconds', 'market_assets')(timestamp)) }}
{%- endmacro %}

{% macro default__epoch_seconds(timestamp) -%}
    unix_seconds({{ timestamp }})
{%- endmacro %}

{% macro duckdb__epoch_seconds(timestamp) -%}
    epoch_us({{ timestamp }}) // 1000000
{%- endmacro %}

{# Days since 1970 of a date. #}
{% macro epoch_days(date) -%}
    {{ return(adapter.dispatch('epoch_days', 'market_assets')(date)) }}
{%- endmacro %}

{% macro default__epoch_days(date) -%}
    unix_date({{ date }})
{%- endmacro %}

{% macro duckdb__epoch_days(date) -%}
    date_diff('day', date '1970-01-01', {{ date }})
{%- endmacro %}
