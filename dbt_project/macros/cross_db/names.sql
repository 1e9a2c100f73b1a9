{# `interval` is a keyword in both engines, each with its own quotes. #}
{% macro interval_column(table=none) -%}
    {{ table ~ '.' if table }}{{ adapter.quote('interval') }}
{%- endmacro %}

{# Schemas are named as they are: `marts`, not `marts_marts`. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
