{{ config(materialized='ephemeral') }}
-- Every sale with the dimension rows that hold on its day, and the first reason for which it is left out, or none.
select
    sales.sale_key as sales_key,
    dates.date_key,
    sales.sale_hour * 100 + sales.sale_minute as time_key,
    products.product_key,
    stores.store_key,
    customers.customer_key,
    sales.order_id,
    sales.product_id,
    sales.store_id,
    sales.customer_id,
    coalesce(sales.category, products.category) as category,
    sales.segment,
    sales.region,
    sales.quantity as quantity_sold,
    sales.unit_price,
    sales.gross_amount as gross_sales_amount,
    sales.discount_amount,
    sales.net_amount as net_sales_amount,
    sales.net_amount - sales.estimated_profit as cost_amount,
    sales.estimated_profit as profit_amount,
    sales.is_profit_estimated,
    round(100 * sales.estimated_profit / nullif(sales.net_amount, 0), 4) as profit_margin_pct,
    round(100 * sales.discount_rate, 4) as discount_pct,
    sales.sale_date,
    sales.sale_timestamp,
    sales.payment_method,
    sales.is_outlier,
    sales.order_size,
    sales.discount_category,
    sales.quantity_category,
    sales.time_of_day,
    sales.day_type,
    sales.source_system,
    sales.source_position,
    sales.ingestion_timestamp,
    sales.quality_score,
    case
        when dates.date_key is null then 'no_date'
        when products.product_key is null then 'no_product_version'
        when stores.store_key is null then 'no_store_version'
        when sales.quality_score < 80 then 'low_quality_score'
    end as exclusion_reason
from {{ ref('int_sales_unified') }} as sales
left join {{ ref('dim_date') }} as dates on dates.date_value = sales.sale_date
left join {{ ref('dim_product') }} as products
    on products.product_id = sales.product_id
    and sales.sale_date between products.effective_date and products.expiration_date
left join {{ ref('dim_store') }} as stores
    on stores.store_id = sales.store_id
    and sales.sale_date between stores.effective_date and stores.expiration_date
left join {{ ref('dim_customer') }} as customers on customers.customer_id = sales.customer_id
