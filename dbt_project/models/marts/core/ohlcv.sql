{{ config(event_time='timestamp') }}

{# A row looks back seven days and never ahead, so it reads the same whenever it is built. #}
{% set week = 7 * 24 * 3600 %}

with candles as (
    select
        *,
        {{ epoch_seconds('timestamp') }} as opened_at,
        case when volume = 0 and high = low and open = close then 1 else 0 end as is_flat
    from {{ ref('stg_ohlcv') }}
),

looked_back as (
    select
        *,
        lag(close) over by_time as last_close,
        lag(opened_at) over by_time as last_opened_at,
        lag(opened_at, {{ var('flat_run_candles') - 1 }}) over by_time as run_opened_at,
        sum(is_flat) over (
            partition by venue, symbol, {{ interval_column() }}
            order by opened_at
            rows between {{ var('flat_run_candles') - 1 }} preceding and current row
        ) as flat_candles,
        avg(close) over week_before as average_close,
        avg(volume) over week_before as average_volume,
        stddev_samp(volume) over week_before as deviation_of_volume,
        count(*) over week_before as candles_before
    from candles
    window
        by_time as (
            partition by venue, symbol, {{ interval_column() }} order by opened_at
        ),
        week_before as (
            partition by venue, symbol, {{ interval_column() }}
            order by opened_at
            range between {{ week }} preceding and 1 preceding
        )
),

compared as (
    select
        *,
        case when opened_at - last_opened_at <= {{ week }} then last_close end as previous_close,
        case when candles_before >= 24
            then (volume - average_volume) / nullif(deviation_of_volume, 0)
        end as volume_z_score,
        {# The nearest of the other venues: one that is wrong does not make the right ones look so. #}
        least(
            coalesce(close / nullif(lag(close) over beside, 0) - 1, 1e9),
            coalesce(lead(close) over beside / nullif(close, 0) - 1, 1e9)
        ) as distance
    from looked_back
    window beside as (
        partition by symbol, {{ interval_column() }}, opened_at order by close, venue
    )
),

flagged as (
    select
        *,
        case when distance < 1e9 then distance end as cross_venue_divergence,
        coalesce(
            abs(close / nullif(previous_close, 0) - 1) > {{ var('price_jump_percent') }} / 100.0,
            false
        ) as is_price_jump,
        coalesce(
            close > average_close * {{ var('price_range_factor') }}
            or close < average_close / {{ var('price_range_factor') }},
            false
        ) as is_price_out_of_range,
        coalesce(abs(volume_z_score) > {{ var('volume_z_score') }}, false) as is_volume_outlier,
        (
            high < greatest(open, close) or low > least(open, close)
            or low <= 0 or volume < 0
        ) as is_ohlc_inconsistent,
        coalesce(
            distance < 1e9 and distance > {{ var('cross_venue_percent') }} / 100.0, false
        ) as is_cross_venue_divergent,
        coalesce(
            flat_candles = {{ var('flat_run_candles') }}
            and opened_at - run_opened_at
            = {{ interval_seconds(interval_column()) }} * {{ var('flat_run_candles') - 1 }},
            false
        ) as is_flat_run
    from compared
)

select
    timestamp,
    symbol,
    venue,
    {{ interval_column() }},
    open,
    high,
    low,
    close,
    volume,
    quote_volume,
    num_trades,
    taker_buy_volume,
    taker_buy_quote_volume,
    {{ quality_score({
        'is_ohlc_inconsistent': 50,
        'is_price_out_of_range': 50,
        'is_cross_venue_divergent': 30,
        'is_price_jump': 20,
        'is_flat_run': 20,
        'is_volume_outlier': 10,
    }) }} as quality_score,
    is_price_jump,
    is_price_out_of_range,
    is_volume_outlier,
    is_ohlc_inconsistent,
    is_cross_venue_divergent,
    is_flat_run,
    volume_z_score,
    cross_venue_divergence,
    ingestion_time,
    source,
    is_backfill,
    run_id
from flagged
where {{ in_run('timestamp') }}
