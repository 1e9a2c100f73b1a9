{# The days that a run builds: `dbt build --event-time-start 2026-01-01 --event-time-end 2026-02-01`,
   the end not included. Without them a run builds the whole history. (Not vars: dbt parses the
   project anew for each other value.) #}
{% macro first_day() -%}
    {{ return(as_day(invocation_args_dict.get('event_time_start'))) }}
{%- endmacro %}

{% macro end_day() -%}
    {{ return(as_day(invocation_args_dict.get('event_time_end'))) }}
{%- endmacro %}

{% macro as_day(moment) -%}
    {{ return((moment | string)[:10] if moment else none) }}
{%- endmacro %}

{# Which rows a run makes. `column` is a timestamp or a date: the literal is read as either. #}
{% macro in_run(column) -%}
    {%- if first_day() -%}
        {{ column }} >= '{{ first_day() }}' and {{ column }} < '{{ end_day() }}'
    {%- else -%}
        {{ on_any_day(column) }}
    {%- endif -%}
{%- endmacro %}

{# Which rows a run reads: those it makes, and `days` before them.
   A window that looks back further than this would depend on where the run began. #}
{% macro read_for_run(column, days) -%}
    {%- if first_day() -%}
        {{ column }} >= '{{ shifted(first_day(), -days) }}' and {{ column }} < '{{ end_day() }}'
    {%- else -%}
        {{ on_any_day(column) }}
    {%- endif -%}
{%- endmacro %}

{% macro shifted(day, days) -%}
    {{ return((modules.datetime.date.fromisoformat(day) + modules.datetime.timedelta(days=days)) | string) }}
{%- endmacro %}
