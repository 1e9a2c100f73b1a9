{# An exact percentile of ranked values, interpolated between the two nearest: what NumPy calls linear.
   Same SQL in both engines; their own percentile functions are not (BigQuery's group form is
   approximate). `rank` counts from 1 in order of `value`, `count` is the number of values. #}
{% macro ranked_percentile(value, rank, count, fraction) -%}
    {%- set place -%} ({{ fraction }} * ({{ count }} - 1)) {%- endset -%}
    max(case when {{ rank }} = floor({{ place }}) + 1 then {{ value }} end)
    + (
        max(case when {{ rank }} = ceil({{ place }}) + 1 then {{ value }} end)
        - max(case when {{ rank }} = floor({{ place }}) + 1 then {{ value }} end)
    ) * max({{ place }} - floor({{ place }}))
{%- endmacro %}
