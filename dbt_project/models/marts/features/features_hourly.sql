{{ config(event_time='timestamp') }}

{% set hour = 3600 %}

with candles as (
    select
        *,
        {{ epoch_seconds('timestamp') }} as opened_at
    from {{ ref('ohlcv') }}
    where {{ interval_column() }} = '1h' and {{ read_for_run('timestamp', days=7) }}
),

all_venues as (
    select
        timestamp,
        symbol,
        close
    from {{ ref('consolidated_ohlcv') }}
    where
        {{ interval_column() }} = '1h'
        and venue_count > 1
        and {{ read_for_run('timestamp', days=7) }}
),

{# By the hour in which they were settled: the candle of that hour had not closed yet. #}
settlements as (
    select
        venue,
        symbol,
        {{ epoch_seconds(floor_to_hours('timestamp', 1)) }} as opened_at,
        sum(funding_rate) as paid,
        sum(interval_hours) as hours,
        max_by(funding_rate, timestamp) as last_rate,
        {{ last_known('annualised_rate', 'timestamp') }} as last_annualised
    from {{ ref('funding_rates') }}
    where {{ read_for_run('timestamp', days=7) }}
    group by venue, symbol, opened_at
),

spread as (
    select
        candles.*,
        {{ per('candles.close', 'all_venues.close') }} - 1 as cross_venue_spread
    from candles
    left join all_venues
        on candles.symbol = all_venues.symbol and candles.timestamp = all_venues.timestamp
),

based as (
    select
        *,
        {{ of_most('avg', 'cross_venue_spread', ('24h', 24)) }} as basis_24h
    from spread
    window over_24h as {{ trailing('opened_at', 24, hour) }}
),

featured as (
    {{ candle_features(
        clock='opened_at',
        step=hour,
        year=8760,
        returns={'1h': 1, '4h': 4, '24h': 24, '7d': 168},
        windows={'24h': 24, '7d': 168},
        true_range=('14h', 14),
        bands=('24h', 24),
        activity=('24h', 24),
        benchmark=('7d', 168),
    ) }}
),

funded as (
    {{ funding_features(
        clock='opened_at', step=hour, windows={'24h': (24, 24), '7d': (168, 168)}
    ) }}
)

select
    based.timestamp,
    based.symbol,
    based.venue,
    based.close,
    based.quality_score,
    featured.return_1h,
    featured.return_4h,
    featured.return_24h,
    featured.return_7d,
    featured.log_return_1h,
    featured.log_return_4h,
    featured.log_return_24h,
    featured.log_return_7d,
    featured.volatility_24h,
    featured.volatility_7d,
    featured.parkinson_volatility_24h,
    featured.parkinson_volatility_7d,
    featured.garman_klass_volatility_24h,
    featured.garman_klass_volatility_7d,
    featured.atr_14h,
    featured.sma_24h,
    featured.sma_7d,
    featured.bollinger_middle_24h,
    featured.bollinger_upper_24h,
    featured.bollinger_lower_24h,
    featured.bollinger_position_24h,
    featured.momentum_24h,
    featured.momentum_7d,
    featured.price_z_score_24h,
    featured.price_z_score_7d,
    featured.return_z_score_7d,
    featured.volume_ratio_24h,
    featured.taker_imbalance_1h,
    featured.taker_imbalance_24h,
    featured.vwap_distance_24h,
    funded.funding_rate,
    funded.funding_rate_annualised,
    funded.funding_24h,
    funded.funding_7d,
    funded.funding_carry_24h,
    funded.funding_carry_7d,
    based.cross_venue_spread,
    based.basis_24h,
    featured.beta_7d,
    featured.correlation_7d,
    featured.efficiency_ratio_24h,
    featured.regime
from based
inner join featured
    on based.venue = featured.venue
    and based.symbol = featured.symbol
    and based.opened_at = featured.opened_at
inner join funded
    on based.venue = funded.venue
    and based.symbol = funded.symbol
    and based.opened_at = funded.opened_at
where {{ in_run('based.timestamp') }}
