select
    product_id,
    product_name,
    category,
    sub_category,
    brand,
    unit_cost,
    unit_price,
    effective_date,
    is_active,
    quality_score
from {{ ref('judged_products') }}
where exclusion_reason is null
