{{ config(materialized='view') }}

select
    symbol,
    venue,
    native_symbol,
    base,
    quote,
    settle,
    contract_size,
    tick_size,
    lot_size,
    status,
    listed_at,
    delisted_at,
    funding_interval_hours,
    funding_cap,
    funding_floor,
    valid_from,
    valid_to,
    valid_to is null as is_current,
    ingestion_time
from {{ ref('stg_instruments') }}
