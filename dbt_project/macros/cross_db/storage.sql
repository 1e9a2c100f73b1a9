{# What each table of the warehouse holds, as the engine's own catalog tells:
   schema_name, table_name, row_count, file_count (null where the engine has no files), bytes. #}
{% macro stored_tables() -%}
    {{ return(adapter.dispatch('stored_tables', 'market_assets')()) }}
{%- endmacro %}

{# Of this installation's datasets only; their names without the prefix. Only provable on the real
   service: who asks needs bigquery.tables.list on the project.
   https://cloud.google.com/bigquery/docs/information-schema-table-storage #}
{% macro default__stored_tables() -%}
    {%- set prefix = env_var('DBT_BIGQUERY_DATASET_PREFIX', '') -%}
    select
        substr(table_schema, {{ prefix | length + 1 }}) as schema_name,
        table_name,
        total_rows as row_count,
        cast(null as int64) as file_count,
        total_logical_bytes as bytes
    from `{{ target.project }}`.`region-{{ target.location | lower }}`.INFORMATION_SCHEMA.TABLE_STORAGE
    where
        not deleted
        and table_type = 'BASE TABLE'
        and table_schema in ('{{ prefix }}raw', '{{ prefix }}ops', '{{ prefix }}marts')
{%- endmacro %}

{# `ducklake_table_info` knows neither the schema's name nor the rows; the catalog's tables do.
   Rows deleted since their file was written are taken off. #}
{% macro duckdb__stored_tables() -%}
    {%- set catalog = '__ducklake_metadata_' ~ target.database -%}
    select
        schemas.schema_name,
        tables.table_name,
        cast(coalesce(files.row_count, 0) - coalesce(deletes.row_count, 0) as bigint) as row_count,
        cast(coalesce(files.file_count, 0) + coalesce(deletes.file_count, 0) as bigint)
            as file_count,
        cast(coalesce(files.bytes, 0) + coalesce(deletes.bytes, 0) as bigint) as bytes
    from {{ catalog }}.ducklake_table as tables
    inner join {{ catalog }}.ducklake_schema as schemas
        on tables.schema_id = schemas.schema_id and schemas.end_snapshot is null
    left join (
        select
            table_id,
            sum(record_count) as row_count,
            count(*) as file_count,
            sum(file_size_bytes) as bytes
        from {{ catalog }}.ducklake_data_file
        where end_snapshot is null
        group by table_id
    ) as files
        on tables.table_id = files.table_id
    left join (
        select
            table_id,
            sum(delete_count) as row_count,
            count(*) as file_count,
            sum(file_size_bytes) as bytes
        from {{ catalog }}.ducklake_delete_file
        where end_snapshot is null
        group by table_id
    ) as deletes
        on tables.table_id = deletes.table_id
    where tables.end_snapshot is null
{%- endmacro %}
