{# Every venue's settled funding, each once. #}
{% for venue in var('venues') %}
(
    select
        timestamp,
        symbol,
        venue,
        funding_rate,
        predicted_rate,
        raw_timestamp,
        interval_hours,
        mark_price,
        ingestion_time,
        source,
        is_backfill,
        run_id
    from {{ source('raw', venue ~ '_funding_rates') }}
    where {{ read_for_run('timestamp', days=31) }}
    qualify row_number() over (
        partition by symbol, timestamp order by ingestion_time desc
    ) = 1
)
{{ 'union all' if not loop.last }}
{% endfor %}
