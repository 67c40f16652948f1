{{ config(materialized='ephemeral') }}
-- Every version of a product, with the first reason for which it is left out, or none.
with versions as (
    select
        upper(trim(product_id)) as product_id,
        product_name,
        upper(category) as category,
        upper(sub_category) as sub_category,
        brand,
        unit_cost,
        unit_price,
        effective_date,
        is_active,
        row_number() over (
            partition by upper(trim(product_id)), effective_date
            order by unit_price, unit_cost, product_name
        ) as occurrence,
        100 - 10 * {{ missing_count(['product_name', 'category', 'sub_category', 'brand', 'unit_cost']) }}
            as quality_score
    from {{ source('raw', 'product_raw') }}
)

select
    *,
    case
        when product_id is null or product_id = '' then 'missing_key'
        when effective_date is null then 'missing_date'
        when occurrence > 1 then 'duplicate_key'
        when unit_price is null or unit_price < 0.01 or unit_cost < 0 then 'invalid_price'
        when quality_score < 70 then 'low_quality_score'
    end as exclusion_reason
from versions
