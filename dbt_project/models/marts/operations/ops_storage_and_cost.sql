{# A view: the engine's catalog knows it, now. #}
{{ config(materialized='view') }}

with tables as (
    {{ stored_tables() }}
)

select
    schema_name,
    table_name,
    row_count,
    file_count,
    bytes,
    {{ per('bytes', 'row_count') }} as bytes_per_row,
    {# No cast to float64: only dbt's own connections know that name, and a view keeps its text. #}
    bytes / 1073741824 * {{ var('storage_dollars_per_gib_month') }} as storage_dollars_per_month,
    bytes / 1099511627776 * {{ var('scan_dollars_per_tib') }} as full_scan_dollars
from tables
