{# What each day's jobs cost by label and asset, from BigQuery's own account of them.

   Only provable on the real service: no emulator knows what is billed. `dbt compile --target
   bigquery --select bigquery_daily_spend` fills in project and region; run it as it is.
   A script's parent job repeats the bytes of its children, so it is left out.
   https://cloud.google.com/bigquery/docs/information-schema-jobs #}
select
    date(creation_time) as date,
    coalesce((select value from unnest(labels) where key = 'label'), job_type) as label,
    coalesce((select value from unnest(labels) where key = 'asset'), '') as asset,
    count(*) as statements,
    coalesce(sum(total_bytes_processed), 0) as bytes_processed,
    coalesce(sum(total_bytes_billed), 0) as bytes_billed,
    coalesce(sum(total_bytes_billed), 0) / pow(2, 40) * {{ var('scan_dollars_per_tib') }} as dollars
from `{{ target.project }}`.`region-{{ (target.location or 'EU') | lower }}`.INFORMATION_SCHEMA.JOBS_BY_PROJECT
where creation_time >= timestamp_sub(current_timestamp(), interval 35 day)
    and (statement_type is null or statement_type != 'SCRIPT')
group by date, label, asset
order by date desc, dollars desc
