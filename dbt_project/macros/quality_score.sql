{# 1 for a row that nothing speaks against, less for each flag, never below 0. #}
{% macro quality_score(flags) -%}
    cast(greatest(
        0.0,
        1.0
        {%- for flag, cost in flags.items() %}
        - case when {{ flag }} then {{ cost }} else 0.0 end
        {%- endfor %}
    ) as float64)
{%- endmacro %}
