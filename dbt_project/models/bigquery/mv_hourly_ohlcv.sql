{# BigQuery keeps this up to date by itself, from what changed: only sums, extremes and the first and
   last by time are allowed in it, no window and no ORDER BY. FIRST_VALUE(open ORDER BY timestamp) as
   an aggregate is no GoogleSQL; MIN_BY says the same.
   https://cloud.google.com/bigquery/docs/materialized-views-create#supported-mvs #}
select
    timestamp_trunc(timestamp, hour) as hour,
    symbol,
    venue,
    {{ interval_column() }},
    min_by(open, timestamp) as open,
    max(high) as high,
    min(low) as low,
    max_by(close, timestamp) as close,
    sum(volume) as volume,
    sum(quote_volume) as quote_volume,
    count(*) as candle_count
from {{ ref('ohlcv') }}
group by hour, symbol, venue, {{ interval_column() }}
