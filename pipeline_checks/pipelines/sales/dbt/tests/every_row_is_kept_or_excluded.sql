{{ config(meta={'dagster': {'ref': {'name': 'exclusions'}}}) }}
-- Each model's input is its output and what it left out: no row is lost without a word, none appears from nowhere.
{% set pairs = [
    ('stg_sales_batch', source('raw', 'sales_batch_raw'), ref('stg_sales_batch')),
    ('stg_sales_raw', source('raw', 'sales_raw'), ref('stg_sales_raw')),
    ('stg_products', source('raw', 'product_raw'), ref('stg_products')),
    ('stg_stores', source('raw', 'store_raw'), ref('stg_stores')),
    ('fact_sales', ref('int_sales_unified'), ref('fact_sales')),
    ('dim_product', ref('int_product_scd2'), ref('dim_product')),
] %}
with counts as (
    {% for model, before, after in pairs %}
    select
        '{{ model }}' as model,
        (select count(*) from {{ before }}) as rows_in,
        (select count(*) from {{ after }}) as rows_out,
        (select count(*) from {{ ref('exclusions') }} where model = '{{ model }}') as rows_excluded
    union all
    {% endfor %}
    select
        'int_sales_unified',
        (select count(*) from {{ ref('stg_sales_batch') }}) + (select count(*) from {{ ref('stg_sales_raw') }}),
        (select count(*) from {{ ref('int_sales_unified') }}),
        (select count(*) from {{ ref('exclusions') }} where model = 'int_sales_unified')
    union all
    select
        'dim_store',
        (select count(*) from {{ ref('int_store_scd2') }}) + 1,  -- the member for direct sales
        (select count(*) from {{ ref('dim_store') }}),
        (select count(*) from {{ ref('exclusions') }} where model = 'dim_store')
)

select * from counts where rows_in <> rows_out + rows_excluded
