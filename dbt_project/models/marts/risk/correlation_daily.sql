{{ config(event_time='date') }}

{% set least_pairs = 20 %}

with returns as (
    {{ daily_returns(days=var('correlation_days')) }}
),

pairs as (
    select
        one.date,
        one.day,
        one.venue,
        one.symbol,
        other.symbol as other_symbol,
        case when other.daily_return is not null then one.daily_return end as daily_return,
        case when one.daily_return is not null then other.daily_return end as other_return
    from returns as one
    inner join returns as other
        on one.venue = other.venue
        and one.day = other.day
        and one.symbol < other.symbol
),

windowed as (
    select
        *,
        count(daily_return) over last_days as pair_count,
        corr(daily_return, other_return) over last_days as raw_correlation,
        var_samp(daily_return) over last_days as variance,
        var_samp(other_return) over last_days as other_variance
    from pairs
    window last_days as (
        partition by venue, symbol, other_symbol order by day
        range between {{ var('correlation_days') - 1 }} preceding and current row
    )
),

correlated as (
    select
        *,
        case when pair_count >= {{ least_pairs }} and variance > 0 and other_variance > 0
            then greatest(-1.0, least(1.0, raw_correlation))
        end as correlation
    from windowed
    where {{ in_run('date') }}
)

select
    date,
    venue,
    symbol,
    other_symbol,
    correlation,
    pair_count
from correlated
union all
select
    date,
    venue,
    other_symbol as symbol,
    symbol as other_symbol,
    correlation,
    pair_count
from correlated
