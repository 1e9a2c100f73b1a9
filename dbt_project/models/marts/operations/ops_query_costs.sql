{# A view: its day is the day of asking, while a run builds days of data. #}
{{ config(materialized='view') }}

with days as (
    select
        cast(issued_at as date) as date,
        label,
        asset,
        count(*) as statements,
        cast(sum(bytes_processed) as int64) as bytes_processed,
        cast(sum(bytes_billed) as int64) as bytes_billed,
        sum(dollars) as dollars
    from {{ ref('stg_query_costs') }}
    group by cast(issued_at as date), label, asset
),

months as (
    select
        *,
        sum(dollars) over (
            partition by label, asset, extract(year from date), extract(month from date)
            order by date
        ) as month_to_date_dollars
    from days
)

select
    date,
    label,
    asset,
    statements,
    bytes_processed,
    bytes_billed,
    dollars,
    month_to_date_dollars,
    {# The day itself counts as over. #}
    {{ per('month_to_date_dollars', 'extract(day from date)') }}
        * extract(day from last_day(date)) as projected_month_dollars
from months
