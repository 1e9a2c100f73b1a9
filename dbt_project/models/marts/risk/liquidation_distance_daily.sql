{{ config(event_time='date') }}

with returns as (
    {{ daily_returns(days=var('risk_window_days')) }}
),

{# How far a day went against a position opened at its open. #}
moves as (
    select
        date,
        day,
        venue,
        symbol,
        'long' as side,
        1 - {{ per('low', 'open') }} as adverse_move
    from returns
    union all
    select
        date,
        day,
        venue,
        symbol,
        'short' as side,
        {{ per('high', 'open') }} - 1 as adverse_move
    from returns
),

leverages as (
    {% for leverage in var('liquidation_leverages') %}
    select
        cast({{ leverage }} as int64) as leverage,
        cast({{ 1 / leverage - var('maintenance_margin') }} as float64) as distance
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

reached as (
    select
        moves.*,
        leverages.leverage,
        leverages.distance,
        case
            when moves.adverse_move >= leverages.distance then 1.0
            when moves.adverse_move < leverages.distance then 0.0
        end as is_reached
    from moves
    cross join leverages
),

windowed as (
    select
        *,
        count(is_reached) over last_days as day_count,
        avg(is_reached) over last_days as share_reached
    from reached
    window last_days as (
        partition by venue, symbol, side, leverage order by day
        range between {{ var('risk_window_days') - 1 }} preceding and current row
    )
)

select
    windowed.date,
    windowed.symbol,
    windowed.venue,
    windowed.side,
    windowed.leverage,
    windowed.distance,
    case
        when windowed.distance < 0.01 then 'under 1 %'
        when windowed.distance < 0.02 then '1-2 %'
        when windowed.distance < 0.05 then '2-5 %'
        when windowed.distance < 0.1 then '5-10 %'
        when windowed.distance < 0.2 then '10-20 %'
        else 'over 20 %'
    end as bucket,
    {{ per('windowed.distance * sqrt(365.0)', 'risk.annualised_volatility') }}
        as distance_in_deviations,
    windowed.day_count,
    case when windowed.day_count >= {{ var('risk_least_days') }} then windowed.share_reached end
        as share_of_days_reached
from windowed
inner join {{ ref('risk_daily') }} as risk
    on windowed.venue = risk.venue
    and windowed.symbol = risk.symbol
    and windowed.date = risk.date
where {{ in_run('windowed.date') }} and {{ in_run('risk.date') }}
