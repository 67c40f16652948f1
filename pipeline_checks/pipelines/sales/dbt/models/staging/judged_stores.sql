{{ config(materialized='ephemeral') }}
-- Every version of a store, with the first reason for which it is left out, or none.
with versions as (
    select
        upper(trim(store_id)) as store_id,
        store_name,
        location,
        city,
        state,
        country,
        region,
        upper(replace(trim(store_type), ' ', '_')) as store_type,
        opening_date,
        effective_date,
        is_active,
        row_number() over (
            partition by upper(trim(store_id)), effective_date
            order by store_name, opening_date
        ) as occurrence,
        100 - 10 * {{ missing_count(['store_name', 'city', 'country', 'region', 'store_type', 'opening_date']) }}
            as quality_score
    from {{ source('raw', 'store_raw') }}
)

select
    *,
    case
        when store_id is null or store_id = '' then 'missing_key'
        when store_id = '{{ var("direct_store") }}' then 'reserved_key'
        when effective_date is null then 'missing_date'
        when occurrence > 1 then 'duplicate_key'
        when opening_date > effective_date then 'opened_after_effective'
        when quality_score < 70 then 'low_quality_score'
    end as exclusion_reason
from versions
