-- The versions of each product as intervals of days: a version ends the day before the next one begins.
with versions as (
    select
        *,
        lead(effective_date) over (partition by product_id order by effective_date) as next_effective_date,
        row_number() over (partition by product_id order by effective_date) as version_number,
        lag(unit_price) over (partition by product_id order by effective_date) as earlier_price,
        lag(unit_cost) over (partition by product_id order by effective_date) as earlier_cost,
        lag(is_active) over (partition by product_id order by effective_date) as earlier_active
    from {{ ref('stg_products') }}
)

select
    {{ surrogate_key(['product_id', 'effective_date']) }} as product_key,
    product_id,
    product_name,
    category,
    sub_category,
    brand,
    unit_cost,
    unit_price,
    is_active,
    effective_date,
    coalesce(next_effective_date - 1, date '2099-12-31') as expiration_date,
    next_effective_date is null as is_current,
    version_number,
    case
        when version_number = 1 then 'INITIAL'
        when is_active is distinct from earlier_active then 'STATUS_CHANGE'
        when unit_price is distinct from earlier_price then 'PRICE_CHANGE'
        when unit_cost is distinct from earlier_cost then 'COST_CHANGE'
        else 'ATTRIBUTE_CHANGE'
    end as change_type,
    case
        when unit_price < 10 then 'BUDGET'
        when unit_price < 50 then 'STANDARD'
        when unit_price < 200 then 'PREMIUM'
        else 'LUXURY'
    end as price_tier,
    case
        when unit_cost is null then 'UNKNOWN'
        when (unit_price - unit_cost) / nullif(unit_price, 0) < 0.1 then 'LOW'
        when (unit_price - unit_cost) / nullif(unit_price, 0) < 0.3 then 'MEDIUM'
        when (unit_price - unit_cost) / nullif(unit_price, 0) < 0.5 then 'HIGH'
        else 'VERY_HIGH'
    end as margin_tier,
    quality_score
from versions
