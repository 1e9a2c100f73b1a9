{# Funding over time, for each row of a CTE `candles`, from a CTE `settlements` of the same clock:
   venue, symbol, `clock`, paid (sum of the rates), hours (that they were paid for),
   last_rate and last_annualised. Both CTEs must stand before it.

   windows      name -> (steps of the clock, hours); the last rate is sought in the first

   A sum counts when nothing of it is missing: the settlements of a window then cover more than its
   length less 8 hours, the longest interval, even where the interval changes. #}
{% macro funding_features(clock, step, windows) %}
with timeline as (
    select
        venue,
        symbol,
        {{ clock }},
        true as is_candle,
        cast(null as float64) as paid,
        cast(null as float64) as hours,
        cast(null as float64) as last_rate,
        cast(null as float64) as last_annualised
    from candles
    union all
    select
        venue,
        symbol,
        {{ clock }},
        false as is_candle,
        paid,
        hours,
        last_rate,
        last_annualised
    from settlements
),

windowed as (
    select
        *,
        {% set nearest = windows.keys() | first %}
        last_value(last_rate ignore nulls) over over_{{ nearest }} as funding_rate,
        last_value(last_annualised ignore nulls) over over_{{ nearest }} as funding_rate_annualised,
        {% for name, (steps, hours) in windows.items() %}
        case when sum(hours) over over_{{ name }} > {{ hours - 8 }}
            then sum(paid) over over_{{ name }}
        end as funding_{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from timeline
    window
        {% for name, (steps, hours) in windows.items() %}
        over_{{ name }} as {{ trailing(clock, steps, step) }}{{ ',' if not loop.last }}
        {% endfor %}
)

select
    venue,
    symbol,
    {{ clock }},
    funding_rate,
    funding_rate_annualised,
    {% for name, (steps, hours) in windows.items() %}
    funding_{{ name }},
    funding_{{ name }} * {{ settlements_a_year(hours) }} as funding_carry_{{ name }}
    {{- ',' if not loop.last }}
    {% endfor %}
from windowed
where is_candle
{% endmacro %}
