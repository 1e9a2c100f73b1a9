{# A number inside a JSON text; null where it is absent or no number. #}
{% macro json_number(json, key) -%}
    {{ return(adapter.dispatch('json_number', 'market_assets')(json, key)) }}
{%- endmacro %}

{% macro default__json_number(json, key) -%}
    safe_cast(json_value({{ json }}, '$.{{ key }}') as float64)
{%- endmacro %}

{% macro duckdb__json_number(json, key) -%}
    try_cast(json_extract_string({{ json }}, '$.{{ key }}') as double)
{%- endmacro %}

{# A value inside a JSON text, as text; null where it is absent or null. #}
{% macro json_text(json, key) -%}
    {{ return(adapter.dispatch('json_text', 'market_assets')(json, key)) }}
{%- endmacro %}

{% macro default__json_text(json, key) -%}
    json_value({{ json }}, '$.{{ key }}')
{%- endmacro %}

{% macro duckdb__json_text(json, key) -%}
    json_extract_string({{ json }}, '$.{{ key }}')
{%- endmacro %}
