{# `partition_by` is BigQuery's, a mapping; dbt-duckdb 1.11.1 takes it for columns of its own and
   refuses it. On DuckLake marts have no partitions: each file's range of days is skipped as well. #}
{% macro duckdb__get_partitioned_by(relation, temporary) %}
    {{ return(none) }}
{% endmacro %}
