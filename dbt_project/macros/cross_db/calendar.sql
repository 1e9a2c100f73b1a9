{# One row, `day`, for each whole number from the smallest `first` to the largest `last` of a CTE:
   days since 1970. #}
{% macro calendar(relation, first, last) -%}
    {{ return(adapter.dispatch('calendar', 'market_assets')(relation, first, last)) }}
{%- endmacro %}

{% macro default__calendar(relation, first, last) -%}
    select day
    from (
        select
            min({{ first }}) as first,
            max({{ last }}) as last
        from {{ relation }}
    ) as bounds
    cross join unnest(generate_array(bounds.first, bounds.last)) as day
{%- endmacro %}

{% macro duckdb__calendar(relation, first, last) -%}
    select unnest(generate_series(bounds.first, bounds.last)) as day
    from (
        select
            min({{ first }}) as first,
            max({{ last }}) as last
        from {{ relation }}
    ) as bounds
{%- endmacro %}
