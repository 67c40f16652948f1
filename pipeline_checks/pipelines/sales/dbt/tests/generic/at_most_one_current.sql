{# No key has two versions that are current. #}
{% test at_most_one_current(model, key) %}
select {{ key }}, count(*) as current_versions
from {{ model }}
where is_current
group by {{ key }}
having count(*) > 1
{% endtest %}
