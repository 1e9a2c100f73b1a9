{# DuckLake's incremental strategy: the days of the run are deleted and inserted in one transaction.
   `event_time` names the model's column of time, a timestamp or a date. #}
{% macro get_incremental_replace_days_sql(arguments) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ arguments['target_relation'] }}
    where {{ in_run(config.require('event_time')) }};

    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro %}

{# BigQuery's insert_overwrite, with the run's own days in the place of dbt's choice of partitions.
   One MERGE is one transaction: a reader sees the old days or the new ones.

   dbt's dynamic way asks the new rows which days they are of. A day that has lost its last row then
   keeps its old ones; and the days are known only while the script runs, which prunes no better
   than literals. Its static way wants the days in the model's config, which dbt reads once when it
   parses and not for each run.
   https://cloud.google.com/bigquery/docs/using-dml-with-partitioned-tables#pruning_partitions_when_using_a_merge_statement #}
{% macro bq_insert_overwrite_sql(
    tmp_relation, target_relation, sql, unique_key, partition_by, partitions, dest_columns,
    tmp_relation_exists, copy_partitions
) %}
    {%- set source -%}
        ({{ 'select * from ' ~ tmp_relation if tmp_relation_exists else sql }})
    {%- endset -%}
    {%- set days = in_run('DBT_INTERNAL_DEST.' ~ config.require('event_time')) -%}
    {{ get_insert_overwrite_merge_sql(target_relation, source, dest_columns, [days]) }}
{% endmacro %}
