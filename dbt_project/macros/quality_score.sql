{# 1 for a row that nothing speaks against, less for each flag (in hundredths), never below 0.
   Counted in whole hundredths: 1.0 - 0.2 - 0.1 is 0.7 in one engine and 0.7000000000000001 in the
   other. #}
{% macro quality_score(flags) -%}
    (cast(greatest(
        0,
        100
        {%- for flag, cost in flags.items() %}
        - case when {{ flag }} then {{ cost }} else 0 end
        {%- endfor %}
    ) as float64) / 100)
{%- endmacro %}
