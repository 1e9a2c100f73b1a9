{# A view: an age is only true now. #}
{{ config(materialized='view') }}

with newest as (
    select
        venue,
        'ohlcv' as dataset,
        {{ interval_column() }},
        symbol,
        max(timestamp) as newest_data_at,
        max(ingestion_time) as newest_ingestion_at
    from {{ ref('ohlcv') }}
    group by venue, {{ interval_column() }}, symbol

    union all

    select
        venue,
        'funding_rates' as dataset,
        '' as {{ interval_column() }},
        symbol,
        max(timestamp) as newest_data_at,
        max(ingestion_time) as newest_ingestion_at
    from {{ ref('funding_rates') }}
    group by venue, symbol
)

select
    venue,
    dataset,
    {{ interval_column() }},
    symbol,
    newest_data_at,
    newest_ingestion_at,
    {# A candle says something new when it closes, and not when it opens. #}
    (
        {{ epoch_seconds(utc_now()) }} - {{ epoch_seconds('newest_data_at') }}
        - case when {{ interval_column() }} = '' then 0
            else {{ interval_seconds(interval_column()) }}
        end
    ) / 60 as data_age_minutes,
    ({{ epoch_seconds(utc_now()) }} - {{ epoch_seconds('newest_ingestion_at') }}) / 60
        as ingestion_age_minutes
from newest
