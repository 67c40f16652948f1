{# The versions of each key follow each other day by day from the first on: no gap, no overlap, open to the end. #}
{% test partitions_time(model, key) %}
with versions as (
    select
        {{ key }} as key_found,
        effective_date,
        expiration_date,
        lead(effective_date) over (partition by {{ key }} order by effective_date, expiration_date) as next_effective_date
    from {{ model }}
)
select *
from versions
where expiration_date < effective_date
   or (next_effective_date is not null and next_effective_date <> expiration_date + 1)
   or (next_effective_date is null and expiration_date <> date '2099-12-31')
{% endtest %}
