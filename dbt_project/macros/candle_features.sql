{# What hourly and daily features have in common, from a CTE `candles` that must stand before it:
   venue, symbol, `clock`, open, high, low, close, volume, quote_volume, taker_buy_volume.

   clock        the column that counts time; `step` of it is one candle
   year         candles of a year of 365 days
   returns      name -> candles, of the returns; the first is one candle
   windows      name -> candles, of volatility, average, momentum and z-score; the last the longest
   true_range   name, candles of the average true range
   bands        name, candles of the Bollinger bands
   activity     name, candles of volume, taker and VWAP, and of the regime
   benchmark    name, candles of beta and correlation #}
{% macro candle_features(
    clock, step, year, returns, windows, true_range, bands, activity, benchmark
) %}
{%- set one = returns.keys() | first -%}
{%- set longest = windows.keys() | last -%}
{%- set spans = dict(windows) -%}
{%- do spans.update(dict([true_range, bands, activity, benchmark])) -%}
with looked_back as (
    select
        *,
        {% for name, span in returns.items() %}
        {{ value_before('close', clock, span * step) }} as close_{{ name }}_before,
        {% endfor %}
        {{ value_before('close', clock, activity[1] * step) }} as close_at_start,
        lag(close) over (partition by venue, symbol order by {{ clock }}) as last_close
    from candles
),

measured as (
    select
        *,
        {% for name in returns %}
        {{ per('close', 'close_' ~ name ~ '_before') }} - 1 as return_{{ name }},
        {{ log_ratio('close', 'close_' ~ name ~ '_before') }} as log_return_{{ name }},
        {% endfor %}
        {{ log_ratio('high', 'low') }} as log_range,
        {{ log_ratio('close', 'open') }} as log_body,
        greatest(high, coalesce(close_{{ one }}_before, high))
        - least(low, coalesce(close_{{ one }}_before, low)) as true_range,
        {{ log_ratio('close', 'close_at_start') }} as log_move,
        abs({{ log_ratio('close', 'last_close') }}) as log_step,
        case when taker_buy_volume is not null then volume end as taker_volume
    from looked_back
),

compared as (
    select
        measured.*,
        case when beside.log_return_{{ one }} is not null
            then measured.log_return_{{ one }}
        end as paired_return,
        case when measured.log_return_{{ one }} is not null
            then beside.log_return_{{ one }}
        end as paired_benchmark
    from measured
    left join measured as beside
        on measured.venue = beside.venue
        and measured.{{ clock }} = beside.{{ clock }}
        and beside.symbol = '{{ var("benchmark_symbol") }}'
),

windowed as (
    select
        *,
        {% for window in windows.items() %}
        {% set name = window[0] %}
        {{ of_most('stddev_samp', 'log_return_' ~ one, window) }} as deviation_{{ name }},
        {{ of_most('avg', 'log_return_' ~ one, window) }} as drift_{{ name }},
        {{ of_most('avg', 'log_range', window, of='log_range * log_range') }}
            as squared_range_{{ name }},
        {{ of_most('avg', 'log_body', window, of='log_body * log_body') }} as squared_body_{{ name }},
        {{ of_most('avg', 'close', window) }} as sma_{{ name }},
        {{ of_most('stddev_samp', 'close', window) }} as price_deviation_{{ name }},
        {% endfor %}
        {{ of_most('avg', 'true_range', true_range) }} as atr_{{ true_range[0] }},
        {{ of_most('avg', 'close', bands) }} as band_middle,
        {{ of_most('stddev_pop', 'close', bands) }} as band_deviation,
        {{ of_most('avg', 'volume', activity) }} as average_volume,
        {{ of_most('sum', 'volume', activity) }} as base_traded,
        {{ of_most('sum', 'quote_volume', activity) }} as quote_traded,
        {{ of_most('sum', 'taker_volume', activity, of='taker_buy_volume') }} as taker_bought,
        {{ of_most('sum', 'taker_volume', activity) }} as taker_traded,
        {{ of_most('sum', 'log_step', activity) }} as log_path,
        {{ of_most('covar_samp', 'paired_return', benchmark, of='paired_return, paired_benchmark') }}
            as covariance,
        {{ of_most('corr', 'paired_return', benchmark, of='paired_return, paired_benchmark') }}
            as correlation,
        {{ of_most('var_samp', 'paired_return', benchmark) }} as variance,
        {{ of_most('var_samp', 'paired_benchmark', benchmark) }} as benchmark_variance
    from compared
    window
        {% for name, span in spans.items() %}
        over_{{ name }} as {{ trailing(clock, span, step) }}{{ ',' if not loop.last }}
        {% endfor %}
),

{# Rounding gives a flat price a deviation of some 1e-16 of it: that is none. #}
steadied as (
    select
        *,
        {% for name in windows %}
        case when price_deviation_{{ name }} > 1e-12 * sma_{{ name }}
            then price_deviation_{{ name }}
        end as price_spread_{{ name }},
        {% endfor %}
        case when band_deviation > 1e-12 * band_middle then band_deviation end as band_spread,
        {{ per('abs(log_move)', 'log_path') }} as efficiency
    from windowed
)

select
    venue,
    symbol,
    {{ clock }},
    {% for name in returns %}
    return_{{ name }},
    log_return_{{ name }},
    {% endfor %}
    {% for name, span in windows.items() %}
    deviation_{{ name }} * sqrt({{ year }}.0) as volatility_{{ name }},
    sqrt({{ year }}.0 * squared_range_{{ name }} / (4.0 * ln(2.0)))
        as parkinson_volatility_{{ name }},
    {# Below 0 only where open or close lie outside of high and low. Without the case, DuckDB's
       greatest would make a 0 of what is not known. #}
    case when squared_range_{{ name }} is not null and squared_body_{{ name }} is not null
        then sqrt({{ year }}.0 * greatest(
            0.0, 0.5 * squared_range_{{ name }} - (2.0 * ln(2.0) - 1.0) * squared_body_{{ name }}
        ))
    end as garman_klass_volatility_{{ name }},
    sma_{{ name }},
    {{ per('log_return_' ~ name, 'deviation_' ~ longest ~ ' * sqrt(' ~ span ~ '.0)') }}
        as momentum_{{ name }},
    (close - sma_{{ name }}) / price_spread_{{ name }} as price_z_score_{{ name }},
    {% endfor %}
    {{ per('log_return_' ~ one ~ ' - drift_' ~ longest, 'deviation_' ~ longest) }}
        as return_z_score_{{ longest }},
    atr_{{ true_range[0] }},
    band_middle as bollinger_middle_{{ bands[0] }},
    band_middle + 2.0 * band_deviation as bollinger_upper_{{ bands[0] }},
    band_middle - 2.0 * band_deviation as bollinger_lower_{{ bands[0] }},
    (close - band_middle) / (4.0 * band_spread) + 0.5 as bollinger_position_{{ bands[0] }},
    {{ per('volume', 'average_volume') }} as volume_ratio_{{ activity[0] }},
    {{ per('2.0 * taker_buy_volume - taker_volume', 'taker_volume') }} as taker_imbalance_{{ one }},
    {{ per('2.0 * taker_bought - taker_traded', 'taker_traded') }}
        as taker_imbalance_{{ activity[0] }},
    {{ per('close * base_traded', 'quote_traded') }} - 1 as vwap_distance_{{ activity[0] }},
    {{ per('covariance', 'benchmark_variance') }} as beta_{{ benchmark[0] }},
    case when variance > 0 and benchmark_variance > 0
        then greatest(-1.0, least(1.0, correlation))
    end as correlation_{{ benchmark[0] }},
    efficiency as efficiency_ratio_{{ activity[0] }},
    case
        when efficiency >= {{ var('trend_efficiency') }} then 'trending'
        when efficiency < {{ var('trend_efficiency') }} then 'ranging'
    end as regime
from steadied
{% endmacro %}
