{# What each table costs to keep for a month: half the price after 90 days without a change.

   Only provable on the real service; `dbt compile --target bigquery --select
   bigquery_storage_spend` fills in project and region.
   https://cloud.google.com/bigquery/docs/information-schema-table-storage #}
select
    table_schema as schema_name,
    table_name,
    total_rows as row_count,
    total_logical_bytes as bytes,
    (active_logical_bytes + long_term_logical_bytes / 2)
        / pow(2, 30) * {{ var('storage_dollars_per_gib_month') }} as storage_dollars_per_month
from `{{ target.project }}`.`region-{{ (target.location or 'EU') | lower }}`.INFORMATION_SCHEMA.TABLE_STORAGE
where not deleted
order by bytes desc
