{# A view: its day is the day on which a correction was found, whatever day of data it corrects. #}
{{ config(materialized='view') }}

with changes as (
    select
        *,
        cast(revised_at as date) as date,
        {{ json_number('old_values', 'close') }} as old_close,
        {{ json_number('new_values', 'close') }} as new_close,
        {{ json_number('old_values', 'volume') }} as old_volume,
        {{ json_number('new_values', 'volume') }} as new_volume,
        {{ json_number('old_values', 'funding_rate') }} as old_rate,
        {{ json_number('new_values', 'funding_rate') }} as new_rate
    from {{ ref('stg_revisions') }}
)

select
    date,
    venue,
    dataset,
    {{ interval_column() }},
    symbol,
    count(*) as correction_count,
    min(timestamp) as first_corrected_at,
    max(timestamp) as last_corrected_at,
    max({{ epoch_seconds('revised_at') }} - {{ epoch_seconds('timestamp') }}) / 3600.0
        as longest_delay_hours,
    max(abs({{ per('new_close - old_close', 'old_close') }})) as largest_price_change,
    max(abs({{ per('new_volume - old_volume', 'old_volume') }})) as largest_volume_change,
    max(abs(new_rate - old_rate)) as largest_rate_change
from changes
group by date, venue, dataset, {{ interval_column() }}, symbol
