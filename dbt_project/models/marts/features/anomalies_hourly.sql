{{ config(event_time='timestamp') }}

{# The median distance from the median of normal values is their deviation divided by this. #}
{% set normal_mad = 1.4826 %}
{# Distances below this are the rounding of logarithms: such values do not vary. #}
{% set nothing = '1e-12' %}

with candles as (
    select
        timestamp,
        symbol,
        venue,
        close,
        volume,
        {{ epoch_seconds('timestamp') }} as opened_at
    from {{ ref('ohlcv') }}
    where
        {{ interval_column() }} = '1h'
        and {{ read_for_run('timestamp', days=var('anomaly_days') + 1) }}
),

{# One number for venue and symbol: millions of rows are sorted below, four times faster by one. #}
numbered as (
    select
        symbol,
        venue,
        row_number() over (order by venue, symbol) as series
    from (select distinct symbol, venue from candles) as listed
),

moved as (
    select
        candles.*,
        numbered.series,
        cast(floor(candles.opened_at / 86400.0) as int64) as day,
        cast(floor(mod(candles.opened_at, 86400) / 3600.0) as int64) as hour_of_day
    from candles
    inner join numbered
        on candles.symbol = numbered.symbol and candles.venue = numbered.venue
),

{# What a day is judged by, as one number: 24 stands for the returns of all hours. #}
measured as (
    select
        *,
        {{ log_ratio('close', value_before('close', 'opened_at', 3600)) }} as log_return,
        case when volume > 0 then ln(volume) end as log_volume,
        (series * 100000 + day) * 25 + 24 as returns_key,
        (series * 100000 + day) * 25 + hour_of_day as volumes_key
    from moved
),

{# The days before each built day, one by one: equal days join faster than spans of them. #}
days_before as (
    select
        built.series,
        built.returns_key,
        built.day - steps.back as day
    from (
        select distinct series, day, returns_key from measured where {{ in_run('timestamp') }}
    ) as built
    cross join (
        {% for back in range(1, var('anomaly_days') + 1) %}
        select {{ back }} as back{{ ' union all' if not loop.last }}
        {% endfor %}
    ) as steps
),

compared as (
    select
        days_before.returns_key as standard_key,
        {{ var('anomaly_least') * 24 }} as least,
        measured.log_return as compared_value
    from days_before
    inner join measured
        on days_before.series = measured.series and days_before.day = measured.day
    where measured.log_return is not null
    union all
    select
        days_before.returns_key - 24 + measured.hour_of_day as standard_key,
        {{ var('anomaly_least') }} as least,
        measured.log_volume as compared_value
    from days_before
    inner join measured
        on days_before.series = measured.series and days_before.day = measured.day
    where measured.log_volume is not null
),

{# The median is the mean of the one or two values in the middle. #}
ranked as (
    select
        *,
        row_number() over (partition by standard_key order by compared_value) as place,
        count(*) over (partition by standard_key) as value_count
    from compared
),

medians as (
    select
        standard_key,
        max(value_count) as value_count,
        avg(compared_value) as median
    from ranked
    where value_count >= least and 2 * place between value_count and value_count + 2
    group by standard_key
),

distances as (
    select
        medians.standard_key,
        medians.value_count,
        medians.median,
        abs(compared.compared_value - medians.median) as distance
    from compared
    inner join medians on compared.standard_key = medians.standard_key
),

ranked_distances as (
    select
        *,
        row_number() over (partition by standard_key order by distance) as place
    from distances
),

standards as (
    select
        standard_key,
        max(median) as median,
        {{ normal_mad }} * avg(distance) as deviation
    from ranked_distances
    where 2 * place between value_count and value_count + 2
    group by standard_key
    having avg(distance) * {{ normal_mad }} > {{ nothing }}
),

scored as (
    select
        measured.*,
        (measured.log_return - of_returns.median) / of_returns.deviation as return_score,
        (measured.log_volume - of_volumes.median) / of_volumes.deviation as volume_score
    from measured
    left join standards as of_returns on measured.returns_key = of_returns.standard_key
    left join standards as of_volumes on measured.volumes_key = of_volumes.standard_key
)

select
    timestamp,
    symbol,
    venue,
    log_return,
    return_score,
    volume_score,
    coalesce(abs(return_score) > {{ var('anomaly_score') }}, false) as is_return_anomaly,
    coalesce(abs(volume_score) > {{ var('anomaly_score') }}, false) as is_volume_anomaly
from scored
where {{ in_run('timestamp') }}
