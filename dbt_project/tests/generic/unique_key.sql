{# Every row has its whole key, and no two rows share one. With `event_time` only the days of the run
   are looked at, so that the cost of a build grows with the day and not with the history. #}
{% test unique_key(model, columns, event_time=none) %}
{% set keys = [] %}
{% for column in columns %}
    {% do keys.append(interval_column() if column == 'interval' else column) %}
{% endfor %}

select
    {{ keys | join(', ') }},
    count(*) as row_count
from {{ model }}
where {{ in_run(event_time) if event_time else 'true' }}
group by {{ keys | join(', ') }}
having count(*) > 1
{%- for key in keys %} or {{ key }} is null{% endfor %}

{% endtest %}
