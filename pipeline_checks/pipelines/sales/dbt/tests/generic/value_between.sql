{# Every value that is there lies between the limits, both included; a limit that is not given does not bind. #}
{% test value_between(model, column_name, at_least=none, at_most=none) %}
select {{ column_name }} as value_found
from {{ model }}
where {{ column_name }} is not null
  and (
    {% if at_least is not none %}{{ column_name }} < {{ at_least }}{% else %}false{% endif %}
    or {% if at_most is not none %}{{ column_name }} > {{ at_most }}{% else %}false{% endif %}
  )
{% endtest %}
