-- The versions of the stores, and one member for what was not sold in a store.
with latest as (
    select max(sale_date) as last_day from {{ ref('int_sales_unified') }}
)

select
    store_key,
    store_id,
    store_name,
    location,
    city,
    state,
    country,
    region,
    store_type,
    case
        when store_type in ('FLAGSHIP', 'MALL') then 'LARGE'
        when store_type in ('OUTLET', 'STREET') then 'MEDIUM'
        when store_type = 'ONLINE' then 'NONE'
        else 'SMALL'
    end as store_format,
    case
        when not is_active then 'CLOSED'
        when opening_date is null or last_day is null then 'UNKNOWN'
        when last_day - opening_date < 365 then 'NEW'
        when last_day - opening_date < 1825 then 'ESTABLISHED'
        else 'MATURE'
    end as lifecycle,
    opening_date,
    is_active,
    effective_date,
    expiration_date,
    is_current,
    version_number,
    change_type,
    quality_score
from {{ ref('int_store_scd2') }}
cross join latest
where quality_score >= 80

union all

select
    {{ surrogate_key(["'" ~ var('direct_store') ~ "'"]) }} as store_key,
    '{{ var("direct_store") }}' as store_id,
    'Direct sales' as store_name,
    null as location,
    null as city,
    null as state,
    null as country,
    null as region,
    'DIRECT' as store_type,
    'NONE' as store_format,
    'MATURE' as lifecycle,
    cast(null as date) as opening_date,
    true as is_active,
    date '2020-01-01' as effective_date,
    date '2099-12-31' as expiration_date,
    true as is_current,
    1 as version_number,
    'INITIAL' as change_type,
    100 as quality_score
