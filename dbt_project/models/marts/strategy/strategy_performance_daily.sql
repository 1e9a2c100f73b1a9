{# A view: a fill may be imported long after its day, and then counts at once, with no day to build
   again. Fills are few beside candles. #}
{{ config(materialized='view') }}

with fills as (
    select
        *,
        cast(timestamp as date) as date,
        case when side = 'buy' then notional else 0.0 end as bought,
        case when side = 'sell' then notional else 0.0 end as sold,
        case when side = 'buy' then quantity else -quantity end as signed_quantity,
        case when pnl > 0 then pnl else 0.0 end as gain,
        case when pnl < 0 then -pnl else 0.0 end as loss
    from {{ ref('trade_executions') }}
),

days as (
    select
        date,
        strategy_id,
        venue,
        symbol,
        count(*) as trade_count,
        sum(notional) as turnover,
        sum(bought) as bought,
        sum(sold) as sold,
        sum(signed_quantity) as net_position_change,
        sum(fee) as fees,
        sum(coalesce(pnl, 0.0)) as pnl,
        sum(gain) as gross_profit,
        sum(loss) as gross_loss,
        count(case when pnl > 0 then 1 end) as win_count,
        count(case when pnl < 0 then 1 end) as loss_count
    from fills
    group by date, strategy_id, venue, symbol
)

select
    *,
    pnl - fees as net_pnl,
    {{ per('win_count', 'win_count + loss_count') }} as win_rate,
    {{ per('gross_profit', 'gross_loss') }} as profit_factor
from days
