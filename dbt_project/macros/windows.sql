{# The candles of the last so many steps of time, the current one included.
   Over time and not over rows: a gap never stretches it. `clock` counts seconds or days. #}
{% macro trailing(clock, span, step=1) -%}
    (
        partition by venue, symbol order by {{ clock }}
        range between {{ (span - 1) * step }} preceding and current row
    )
{%- endmacro %}

{# The value of exactly so long ago; nothing where that candle is absent. #}
{% macro value_before(value, clock, span) -%}
    max({{ value }}) over (
        partition by venue, symbol order by {{ clock }}
        range between {{ span }} preceding and {{ span }} preceding
    )
{%- endmacro %}

{# A statistic over a window (its name without `over_`, its candles) that holds at least three
   quarters of its values, else nothing. `of` is what is aggregated where that is not what counts. #}
{% macro of_most(aggregate, counted, window, of=none) -%}
    case when count({{ counted }}) over over_{{ window[0] }} >= {{ (window[1] * 3 + 3) // 4 }}
        then {{ aggregate }}({{ of or counted }}) over over_{{ window[0] }}
    end
{%- endmacro %}

{# The logarithm of a ratio of prices; a price that is not above 0 has none. #}
{% macro log_ratio(price, base) -%}
    case when {{ price }} > 0 and {{ base }} > 0 then ln({{ price }} / {{ base }}) end
{%- endmacro %}
