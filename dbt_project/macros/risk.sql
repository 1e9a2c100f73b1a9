{# Days with their simple return since just the day before; none over a day without a bar. #}
{% macro daily_returns(days) %}
select
    date,
    {{ epoch_days('date') }} as day,
    symbol,
    venue,
    open,
    high,
    low,
    close,
    quote_volume,
    is_complete,
    {{ per('close', value_before('close', epoch_days('date'), 1)) }} - 1 as daily_return
from {{ ref('daily_ohlcv') }}
where {{ read_for_run('date', days=days) }}
{% endmacro %}

{# The standard normal's quantile, and the mean of what lies beyond it. #}
{% macro normal_tails() -%}
    {{ return({
        95: (1.6448536269514722, 2.062712807507429),
        99: (2.3263478740408408, 2.665214220345806),
    }) }}
{%- endmacro %}

{# Risk of what a CTE `daily` holds, which must stand before it: `keys`, date, day, daily_return
   (null: not counted) and level, which the drawdown is taken of. One row for each day of the run.

   Every day is joined with its trailing days, so that a quantile is one of just that window. The
   sums are of distances from the mean: a variance as a difference of squares would lose digits. #}
{% macro risk_metrics(keys) %}
{%- set window = keys | join(', ') ~ ', date' -%}
with built as (
    select
        {{ keys | join(',\n        ') }},
        date,
        day
    from daily
    where {{ in_run('date') }}
),

windows as (
    select
        {% for key in keys %}
        built.{{ key }},
        {% endfor %}
        built.date,
        built.day as last_day,
        daily.day,
        daily.daily_return,
        daily.level
    from built
    inner join daily
        on {% for key in keys %}built.{{ key }} = daily.{{ key }} and {% endfor %}
        daily.day between built.day - {{ var('risk_window_days') - 1 }} and built.day
),

{# Rows without a return rank last, wherever an engine sorts nulls. #}
ranked as (
    select
        *,
        row_number() over (
            partition by {{ window }}
            order by case when daily_return is null then 1 else 0 end, daily_return
        ) - 1 as place,
        count(daily_return) over (partition by {{ window }}) as return_count,
        avg(daily_return) over (partition by {{ window }}) as mean,
        level / nullif(max(level) over (
            partition by {{ window }} order by day
            rows between unbounded preceding and current row
        ), 0) - 1 as drawdown
    from windows
),

{# Where the quantile lies between two returns, as NumPy's linear method has it. Whole numbers as
   long as possible: 0.05 * 140 would be a little more than 7. #}
placed as (
    select
        *,
        daily_return - mean as distance,
        {% for level in normal_tails() %}
        floor((return_count - 1) * {{ 100 - level }} / 100.0) as below_{{ level }},
        (return_count - 1) * {{ 100 - level }} / 100.0
        - floor((return_count - 1) * {{ 100 - level }} / 100.0) as part_{{ level }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from ranked
),

summed as (
    select
        {{ keys | join(',\n        ') }},
        date,
        max(return_count) as return_count,
        max(mean) as mean,
        sqrt({{ per('sum(distance * distance)', 'max(return_count) - 1') }}) as deviation,
        sqrt(avg(case
            when daily_return < 0 then daily_return * daily_return
            when daily_return >= 0 then 0.0
        end)) as downside,
        avg(distance * distance) as second_moment,
        avg(distance * distance * distance) as third_moment,
        avg(distance * distance * distance * distance) as fourth_moment,
        {% for level in normal_tails() %}
        -sum(case
            when daily_return is null then 0.0
            when place = below_{{ level }} then daily_return * (1.0 - part_{{ level }})
            when place = below_{{ level }} + 1 then daily_return * part_{{ level }}
            else 0.0
        end) as var_{{ level }},
        -avg(case when place <= below_{{ level }} then daily_return end) as cvar_{{ level }},
        {% endfor %}
        max(case when day = last_day then drawdown end) as drawdown,
        min(drawdown) as max_drawdown
    from placed
    group by {{ window }}
)

select
    {{ keys | join(',\n    ') }},
    date,
    return_count,
    {% set enough = 'case when return_count >= ' ~ var('risk_least_days') ~ ' then ' %}
    {{ enough }} mean * 365.0 end as annualised_return,
    {{ enough }} deviation * sqrt(365.0) end as annualised_volatility,
    {{ enough }} downside * sqrt(365.0) end as downside_deviation,
    {{ enough }} {{ per('mean', 'deviation') }} * sqrt(365.0) end as sharpe_ratio,
    {{ enough }} {{ per('mean', 'downside') }} * sqrt(365.0) end as sortino_ratio,
    {{ enough }} {{ per('third_moment', 'second_moment * sqrt(second_moment)') }} end as skewness,
    {{ enough }} {{ per('fourth_moment', 'second_moment * second_moment') }} - 3.0 end
        as excess_kurtosis,
    {% for level, (quantile, beyond) in normal_tails().items() %}
    {{ enough }} var_{{ level }} end as var_{{ level }},
    {{ enough }} cvar_{{ level }} end as cvar_{{ level }},
    {{ enough }} {{ quantile }} * deviation - mean end as gaussian_var_{{ level }},
    {{ enough }} {{ beyond }} * deviation - mean end as gaussian_cvar_{{ level }},
    {% endfor %}
    drawdown,
    max_drawdown
from summed
{% endmacro %}
