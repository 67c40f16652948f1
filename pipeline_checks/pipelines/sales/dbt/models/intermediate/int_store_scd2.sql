-- The versions of each store as intervals of days: a version ends the day before the next one begins.
with versions as (
    select
        *,
        lead(effective_date) over (partition by store_id order by effective_date) as next_effective_date,
        row_number() over (partition by store_id order by effective_date) as version_number,
        lag(store_type) over (partition by store_id order by effective_date) as earlier_type,
        lag(city) over (partition by store_id order by effective_date) as earlier_city,
        lag(is_active) over (partition by store_id order by effective_date) as earlier_active
    from {{ ref('stg_stores') }}
)

select
    {{ surrogate_key(['store_id', 'effective_date']) }} as store_key,
    store_id,
    store_name,
    location,
    city,
    state,
    country,
    region,
    store_type,
    opening_date,
    is_active,
    effective_date,
    coalesce(next_effective_date - 1, date '2099-12-31') as expiration_date,
    next_effective_date is null as is_current,
    version_number,
    case
        when version_number = 1 then 'INITIAL'
        when is_active is distinct from earlier_active then 'STATUS_CHANGE'
        when city is distinct from earlier_city then 'LOCATION_CHANGE'
        when store_type is distinct from earlier_type then 'TYPE_CHANGE'
        else 'ATTRIBUTE_CHANGE'
    end as change_type,
    quality_score
from versions
