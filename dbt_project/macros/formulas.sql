{# How often a rate that is paid every so many hours is paid in a year of 365 days. #}
{% macro settlements_a_year(interval_hours) -%}
    (8760.0 / nullif({{ interval_hours }}, 0))
{%- endmacro %}

{# Division that has no answer where the divisor is nothing. #}
{% macro per(amount, divisor) -%}
    (({{ amount }}) / nullif({{ divisor }}, 0))
{%- endmacro %}

{# The length of a candle in seconds: '4h' gives 14400. #}
{% macro interval_seconds(interval) -%}
    (
        cast(substr({{ interval }}, 1, length({{ interval }}) - 1) as int64)
        * case substr({{ interval }}, length({{ interval }}), 1)
            when 'm' then 60 when 'h' then 3600 when 'd' then 86400
        end
    )
{%- endmacro %}

{# The last value that there is. DuckDB's max_by passes over nulls, BigQuery's may give one. #}
{% macro last_known(value, timestamp) -%}
    max_by({{ value }}, case when {{ value }} is not null then {{ timestamp }} end)
{%- endmacro %}
