select
    store_id,
    store_name,
    location,
    city,
    state,
    country,
    region,
    store_type,
    opening_date,
    effective_date,
    is_active,
    quality_score
from {{ ref('judged_stores') }}
where exclusion_reason is null
