{# A date, so many days later. #}
{% macro add_days(date, days) -%}
    {{ return(adapter.dispatch('add_days', 'market_assets')(date, days)) }}
{%- endmacro %}

{% macro default__add_days(date, days) -%}
    date_add({{ date }}, interval {{ days }} day)
{%- endmacro %}

{% macro duckdb__add_days(date, days) -%}
    cast({{ date }} + cast({{ days }} as integer) as date)
{%- endmacro %}

{# The first moment of a date, in UTC. #}
{% macro midnight(date) -%}
    {{ return(adapter.dispatch('midnight', 'market_assets')(date)) }}
{%- endmacro %}

{% macro default__midnight(date) -%}
    timestamp({{ date }})
{%- endmacro %}

{% macro duckdb__midnight(date) -%}
    cast({{ date }} as timestamp)
{%- endmacro %}

{# A timestamp cut to the hours of its day: 4 gives 00:00, 04:00, ... #}
{% macro floor_to_hours(timestamp, hours) -%}
    {{ return(adapter.dispatch('floor_to_hours', 'market_assets')(timestamp, hours)) }}
{%- endmacro %}

{% macro default__floor_to_hours(timestamp, hours) -%}
    timestamp_seconds(div(unix_seconds({{ timestamp }}), {{ hours * 3600 }}) * {{ hours * 3600 }})
{%- endmacro %}

{% macro duckdb__floor_to_hours(timestamp, hours) -%}
    time_bucket(interval '{{ hours }} hours', {{ timestamp }}, timestamp '1970-01-01')
{%- endmacro %}

{# Now, as the UTC timestamp that tables hold. #}
{% macro utc_now() -%}
    {{ return(adapter.dispatch('utc_now', 'market_assets')()) }}
{%- endmacro %}

{% macro default__utc_now() -%}
    current_timestamp()
{%- endmacro %}

{% macro duckdb__utc_now() -%}
    cast(now() at time zone 'UTC' as timestamp)
{%- endmacro %}

{# So many days before now: a constant of the query, so that a partition older than it is not read. #}
{% macro days_ago(days) -%}
    {{ return(adapter.dispatch('days_ago', 'market_assets')(days)) }}
{%- endmacro %}

{% macro default__days_ago(days) -%}
    timestamp_sub({{ utc_now() }}, interval {{ days }} day)
{%- endmacro %}

{% macro duckdb__days_ago(days) -%}
    {{ utc_now() }} - interval {{ days }} day
{%- endmacro %}

{# True of every row. A table may be set to refuse a BigQuery query that does not bound the days. #}
{% macro on_any_day(column) -%}
    {{ return(adapter.dispatch('on_any_day', 'market_assets')(column)) }}
{%- endmacro %}

{% macro default__on_any_day(column) -%}
    {{ column }} >= '1970-01-01'
{%- endmacro %}

{% macro duckdb__on_any_day(column) -%}
    true
{%- endmacro %}
