{# DuckLake's incremental strategy: the days of the run are deleted and inserted in one transaction.
   `event_time` names the model's column of time, a timestamp or a date. #}
{% macro get_incremental_replace_days_sql(arguments) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ arguments['target_relation'] }}
    where {{ in_run(config.require('event_time')) }};

    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro %}
