{{ config(event_time='date') }}

{# Reference strategies: simple on purpose, to measure one's own against. What a signal is read from
   is known when its day closes; the position is held over the day after. #}

with bars as (
    select
        date,
        symbol,
        venue,
        close,
        {{ epoch_days('date') }} as day
    from {{ ref('daily_ohlcv') }}
    where {{ read_for_run('date', days=30) }}
),

looked_back as (
    select
        *,
        {{ value_before('close', 'day', 30) }} as close_30d_before,
        avg(close) over {{ trailing('day', 20) }} as average_20d,
        stddev_samp(close) over {{ trailing('day', 20) }} as deviation_20d,
        count(*) over {{ trailing('day', 20) }} as days_20d
    from bars
),

{# The settlement at the midnight that ends a day is not in it: it may be stored after the close. #}
settled as (
    select
        venue,
        symbol,
        {{ epoch_days('cast(timestamp as date)') }} as day,
        sum(funding_rate) as paid,
        sum(interval_hours) as hours
    from {{ ref('funding_rates') }}
    where {{ read_for_run('timestamp', days=6) }} and interval_hours is not null
    group by venue, symbol, day
),

funded as (
    select
        bars.venue,
        bars.symbol,
        bars.day,
        sum(settled.paid) as paid_7d,
        sum(settled.hours) as hours_7d
    from bars
    inner join settled
        on bars.venue = settled.venue
        and bars.symbol = settled.symbol
        and settled.day between bars.day - 6 and bars.day
    group by bars.venue, bars.symbol, bars.day
),

indicators as (
    select
        date,
        symbol,
        venue,
        'momentum' as strategy,
        close / nullif(close_30d_before, 0) - 1 as indicator
    from looked_back

    union all

    select
        date,
        symbol,
        venue,
        'mean_reversion' as strategy,
        case when days_20d >= 15
            then (close - average_20d) / nullif(deviation_20d, 0)
        end as indicator
    from looked_back

    union all

    {# The mean over time and not over settlements: six at 4 hours weigh as much as three at 8. #}
    select
        bars.date,
        bars.symbol,
        bars.venue,
        'funding_carry' as strategy,
        case when funded.hours_7d >= 126
            then funded.paid_7d / funded.hours_7d * 8760
        end as indicator
    from bars
    inner join funded
        on bars.venue = funded.venue
        and bars.symbol = funded.symbol
        and bars.day = funded.day
)

select
    date,
    strategy,
    symbol,
    venue,
    indicator,
    cast(case strategy
        when 'momentum' then sign(indicator)
        when 'mean_reversion' then 0.0 - least(1.0, greatest(-1.0, indicator))
        when 'funding_carry' then case
            when indicator > {{ var('strategy_carry_threshold') }} then -1.0
            when indicator < 0 then 1.0
            else 0.0
        end
    end as float64) as signal
from indicators
where indicator is not null and {{ in_run('date') }}
