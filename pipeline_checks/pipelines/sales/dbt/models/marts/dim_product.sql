select
    product_key,
    product_id,
    product_name,
    category,
    sub_category,
    brand,
    unit_cost,
    unit_price,
    case when unit_cost > 0 then round((unit_price - unit_cost) / unit_cost, 4) end as markup,
    case category
        when 'ELECTRONICS' then 'TECHNOLOGY'
        when 'CLOTHING' then 'APPAREL'
        when 'HOME & GARDEN' then 'HOME'
        when 'BOOKS' then 'MEDIA'
        when 'SPORTS' then 'LEISURE'
        else 'OTHER'
    end as product_family,
    price_tier,
    margin_tier,
    is_active,
    effective_date,
    expiration_date,
    is_current,
    version_number,
    change_type,
    quality_score
from {{ ref('int_product_scd2') }}
where quality_score >= 80
