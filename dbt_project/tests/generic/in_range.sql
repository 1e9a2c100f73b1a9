{# A value that is there lies between the bounds, both included. With `event_time` only the days of
   the run are looked at. #}
{% test in_range(model, column_name, at_least=none, at_most=none, event_time=none) %}

select {{ column_name }}
from {{ model }}
where {{ in_run(event_time) if event_time else 'true' }}
    and (
        false
        {%- if at_least is not none %} or {{ column_name }} < {{ at_least }}{% endif %}
        {%- if at_most is not none %} or {{ column_name }} > {{ at_most }}{% endif %}
    )

{% endtest %}
