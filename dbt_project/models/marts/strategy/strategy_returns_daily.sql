{{ config(event_time='date') }}

{# What a reference strategy made on a day with the position that the day before told it to hold.
   Price, funding and cost are fractions of one unit of capital per strategy, venue and symbol. #}

with bars as (
    select
        date,
        symbol,
        venue,
        close,
        is_complete,
        {{ value_before('close', epoch_days('date'), 1) }} as previous_close
    from {{ ref('daily_ohlcv') }}
    where {{ read_for_run('date', days=1) }}
),

signals as (
    select
        date,
        strategy,
        symbol,
        venue,
        signal
    from {{ ref('strategy_signals_daily') }}
    where {{ read_for_run('date', days=2) }}
),

{# Each signal is the position of the next day, and the position before that of the day after. #}
held as (
    select
        {{ add_days('date', 1) }} as date,
        strategy,
        symbol,
        venue,
        signal as position,
        cast(null as float64) as previous_position
    from signals

    union all

    select
        {{ add_days('date', 2) }} as date,
        strategy,
        symbol,
        venue,
        cast(null as float64) as position,
        signal as previous_position
    from signals
),

positions as (
    select
        date,
        strategy,
        symbol,
        venue,
        coalesce(max(position), 0.0) as position,
        coalesce(max(previous_position), 0.0) as previous_position
    from held
    group by date, strategy, symbol, venue
),

{# Who buys at midnight comes too late for the settlement of midnight: the position before pays it. #}
settled as (
    select
        cast(timestamp as date) as date,
        symbol,
        venue,
        sum(case
            when timestamp = {{ midnight('cast(timestamp as date)') }} then funding_rate else 0.0
        end) as rate_at_midnight,
        sum(case
            when timestamp > {{ midnight('cast(timestamp as date)') }} then funding_rate else 0.0
        end) as rate_after
    from {{ ref('funding_rates') }}
    where {{ in_run('timestamp') }}
    group by cast(timestamp as date), symbol, venue
),

parts as (
    select
        bars.date,
        positions.strategy,
        bars.symbol,
        bars.venue,
        positions.position,
        positions.previous_position,
        bars.close / nullif(bars.previous_close, 0) - 1 as price_return,
        abs(positions.position - positions.previous_position) as turnover,
        0.0 - coalesce(
            positions.previous_position * settled.rate_at_midnight
            + positions.position * settled.rate_after,
            0.0
        ) as funding_pnl,
        bars.is_complete
    from bars
    inner join positions
        on bars.date = positions.date
        and bars.symbol = positions.symbol
        and bars.venue = positions.venue
    left join settled
        on bars.date = settled.date
        and bars.symbol = settled.symbol
        and bars.venue = settled.venue
),

priced as (
    select
        *,
        coalesce(position * price_return, 0.0) as price_pnl,
        cast(turnover * {{ var('strategy_cost_bps') }} / 10000 as float64) as cost
    from parts
)

select
    date,
    strategy,
    symbol,
    venue,
    position,
    price_return,
    turnover,
    price_pnl,
    funding_pnl,
    cost,
    price_pnl + funding_pnl - cost as pnl,
    is_complete
from priced
where {{ in_run('date') }}
