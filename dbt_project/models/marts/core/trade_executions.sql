{{ config(materialized='view') }}

select
    execution_id,
    timestamp,
    symbol,
    venue,
    side,
    price,
    quantity,
    price * quantity as notional,
    coalesce(fee, 0.0) as fee,
    coalesce(strategy_id, 'unassigned') as strategy_id,
    pnl,
    metadata
from {{ ref('stg_trade_executions') }}
