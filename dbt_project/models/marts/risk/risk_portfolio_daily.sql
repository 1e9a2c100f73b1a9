{{ config(event_time='date') }}

with returns as (
    {{ daily_returns(days=var('risk_window_days')) }}
),

weights as (
    {% for name, portfolio in var('portfolios').items() %}
    {% set last_portfolio = loop.last %}
    {% for symbol, weight in portfolio.weights.items() %}
    select
        '{{ name }}' as portfolio,
        '{{ portfolio.venue }}' as venue,
        '{{ symbol }}' as symbol,
        cast({{ weight }} as float64) as weight,
        {{ portfolio.weights | length }} as symbol_count
    {{ 'union all' if not (loop.last and last_portfolio) }}
    {% endfor %}
    {% else %}
    select
        '' as portfolio,
        '' as venue,
        '' as symbol,
        0.0 as weight,
        0 as symbol_count
    {% endfor %}
),

{# Back at its weights at the start of each day. A day on which a part has no return has none. #}
portfolios as (
    select
        weights.portfolio,
        weights.venue,
        returns.date,
        returns.day,
        case when count(returns.daily_return) = max(weights.symbol_count)
            then sum(weights.weight * returns.daily_return)
        end as daily_return,
        count(*) = max(weights.symbol_count)
        and min(case when returns.is_complete then 1 else 0 end) = 1 as is_complete
    from weights
    inner join returns on weights.venue = returns.venue and weights.symbol = returns.symbol
    group by weights.portfolio, weights.venue, returns.date, returns.day
),

{# What 1 grew to since the first day that was read. Where that is does not matter: a drawdown is a
   ratio of two of them. A portfolio that lost everything stays at next to nothing. #}
daily as (
    select
        *,
        exp(sum(ln(greatest(1.0 + coalesce(daily_return, 0.0), 1e-12))) over (
            partition by portfolio order by day
            rows between unbounded preceding and current row
        )) as level
    from portfolios
),

risk as (
    {{ risk_metrics(['portfolio']) }}
)

select
    daily.date,
    daily.portfolio,
    daily.venue,
    daily.is_complete,
    daily.daily_return,
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
    risk.max_drawdown
from daily
inner join risk on daily.portfolio = risk.portfolio and daily.date = risk.date
where {{ in_run('daily.date') }}
