{{ config(event_time='date') }}

{% set month = ('30d', 30) %}

with returns as (
    {{ daily_returns(days=var('risk_window_days')) }}
),

daily as (
    select
        *,
        close as level
    from returns
),

risk as (
    {{ risk_metrics(['venue', 'symbol']) }}
),

liquid as (
    select
        venue,
        symbol,
        date,
        close,
        is_complete,
        daily_return,
        {{ of_most('avg', 'quote_volume', month) }} as average_quote_volume_30d,
        {{ of_most('avg', 'illiquidity', month) }} as amihud_illiquidity_30d
    from (
        select
            *,
            1e6 * {{ per('abs(daily_return)', 'quote_volume') }} as illiquidity
        from returns
    ) as returns
    window over_30d as {{ trailing('day', month[1]) }}
)

select
    liquid.date,
    liquid.symbol,
    liquid.venue,
    liquid.close,
    liquid.is_complete,
    liquid.daily_return,
    risk.return_count,
    risk.annualised_return,
    risk.annualised_volatility,
    risk.downside_deviation,
    risk.sharpe_ratio,
    risk.sortino_ratio,
    risk.skewness,
    risk.excess_kurtosis,
    risk.var_95,
    risk.var_99,
    risk.cvar_95,
    risk.cvar_99,
    risk.gaussian_var_95,
    risk.gaussian_var_99,
    risk.gaussian_cvar_95,
    risk.gaussian_cvar_99,
    risk.drawdown,
    risk.max_drawdown,
    liquid.average_quote_volume_30d,
    liquid.amihud_illiquidity_30d
from liquid
inner join risk
    on liquid.venue = risk.venue
    and liquid.symbol = risk.symbol
    and liquid.date = risk.date
where {{ in_run('liquid.date') }}
