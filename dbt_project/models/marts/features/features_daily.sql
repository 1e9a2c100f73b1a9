{{ config(event_time='date') }}

with candles as (
    select
        *,
        {{ epoch_days('date') }} as day
    from {{ ref('daily_ohlcv') }}
    where {{ read_for_run('date', days=30) }}
),

settlements as (
    select
        venue,
        symbol,
        {{ epoch_days('cast(timestamp as date)') }} as day,
        sum(funding_rate) as paid,
        sum(interval_hours) as hours,
        max_by(funding_rate, timestamp) as last_rate,
        {{ last_known('annualised_rate', 'timestamp') }} as last_annualised
    from {{ ref('funding_rates') }}
    where {{ read_for_run('timestamp', days=30) }}
    group by venue, symbol, day
),

featured as (
    {{ candle_features(
        clock='day',
        step=1,
        year=365,
        returns={'1d': 1, '7d': 7, '30d': 30},
        windows={'7d': 7, '30d': 30},
        true_range=('14d', 14),
        bands=('20d', 20),
        activity=('30d', 30),
        benchmark=('30d', 30),
    ) }}
),

funded as (
    {{ funding_features(
        clock='day', step=1, windows={'1d': (1, 24), '7d': (7, 168), '30d': (30, 720)}
    ) }}
)

select
    candles.date,
    candles.symbol,
    candles.venue,
    candles.close,
    candles.is_complete,
    candles.quality_score,
    featured.return_1d,
    featured.return_7d,
    featured.return_30d,
    featured.log_return_1d,
    featured.log_return_7d,
    featured.log_return_30d,
    featured.volatility_7d,
    featured.volatility_30d,
    featured.parkinson_volatility_7d,
    featured.parkinson_volatility_30d,
    featured.garman_klass_volatility_7d,
    featured.garman_klass_volatility_30d,
    featured.atr_14d,
    featured.sma_7d,
    featured.sma_30d,
    featured.bollinger_middle_20d,
    featured.bollinger_upper_20d,
    featured.bollinger_lower_20d,
    featured.bollinger_position_20d,
    featured.momentum_7d,
    featured.momentum_30d,
    featured.price_z_score_7d,
    featured.price_z_score_30d,
    featured.return_z_score_30d,
    featured.volume_ratio_30d,
    featured.taker_imbalance_1d,
    featured.taker_imbalance_30d,
    featured.vwap_distance_30d,
    funded.funding_rate,
    funded.funding_rate_annualised,
    funded.funding_1d,
    funded.funding_7d,
    funded.funding_30d,
    funded.funding_carry_1d,
    funded.funding_carry_7d,
    funded.funding_carry_30d,
    featured.beta_30d,
    featured.correlation_30d,
    featured.efficiency_ratio_30d,
    featured.regime
from candles
inner join featured
    on candles.venue = featured.venue
    and candles.symbol = featured.symbol
    and candles.day = featured.day
inner join funded
    on candles.venue = funded.venue
    and candles.symbol = funded.symbol
    and candles.day = funded.day
where {{ in_run('candles.date') }}
