{# Every venue's candles, each once: should a raw table ever hold a key twice, the value stored last
   counts. The days are cut here, so that no engine has to push them down. #}
{% for venue in var('venues') %}
(
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
        ingestion_time,
        source,
        is_backfill,
        run_id
    from {{ source('raw', venue ~ '_ohlcv') }}
    where {{ read_for_run('timestamp', days=8) }}
    qualify row_number() over (
        partition by symbol, {{ interval_column() }}, timestamp
        order by ingestion_time desc
    ) = 1
)
{{ 'union all' if not loop.last }}
{% endfor %}
