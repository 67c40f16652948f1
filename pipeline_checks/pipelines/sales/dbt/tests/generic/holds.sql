{# The expression is true of every row; null is not true. #}
{% test holds(model, expression) %}
select *
from {{ model }}
where not coalesce(({{ expression }}), false)
{% endtest %}
