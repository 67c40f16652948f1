-- Every row that a model left out: which model, which row, and the first reason that holds.
{% set sales = [
    ('stg_sales_batch', 'judged_sales_batch'),
    ('stg_sales_raw', 'judged_sales_raw'),
    ('int_sales_unified', 'judged_sales'),
    ('fact_sales', 'judged_facts'),
] %}
{% set versions = [
    ('stg_products', 'judged_products', 'product_id'),
    ('stg_stores', 'judged_stores', 'store_id'),
] %}
{% set dimensions = [
    ('dim_product', 'int_product_scd2', 'product_id'),
    ('dim_store', 'int_store_scd2', 'store_id'),
] %}
{% for model, judged in sales %}
select
    '{{ model }}' as model,
    coalesce(order_id, '') || '|' || coalesce(product_id, '') as key,
    exclusion_reason as reason,
    source_system,
    source_position
from {{ ref(judged) }}
where exclusion_reason is not null
union all
{% endfor %}
{% for model, judged, key in versions %}
select
    '{{ model }}' as model,
    coalesce({{ key }}, '') || '|' || coalesce(cast(effective_date as varchar), '') as key,
    exclusion_reason as reason,
    'REFERENCE' as source_system,
    null as source_position
from {{ ref(judged) }}
where exclusion_reason is not null
union all
{% endfor %}
{% for model, judged, key in dimensions %}
select
    '{{ model }}' as model,
    {{ key }} || '|' || cast(effective_date as varchar) as key,
    'low_quality_score' as reason,
    'REFERENCE' as source_system,
    null as source_position
from {{ ref(judged) }}
where quality_score < 80
{% if not loop.last %}union all{% endif %}
{% endfor %}
