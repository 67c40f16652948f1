{{ config(materialized='ephemeral') }}
-- Every store event in the shape of a sale, with the first reason for which it is left out, or none.
with events as (
    select
        *,
        row_number() over (
            partition by upper(trim(order_id))
            order by source_partition, source_offset
        ) as occurrence
    from {{ source('raw', 'sales_raw') }}
),

shaped as (
    select
        upper(trim(order_id)) as order_id,
        upper(trim(product_id)) as product_id,
        product_name,
        upper(category) as category,
        cast(null as varchar) as sub_category,
        nullif(upper(trim(customer_id)), '') as customer_id,
        cast(null as varchar) as customer_name,
        cast(null as varchar) as segment,
        cast(null as varchar) as region,
        cast(null as varchar) as country,
        upper(trim(store_id)) as store_id,
        cast(quantity as bigint) as quantity,
        cast(quantity * unit_price as decimal(18, 2)) as gross_amount,
        -- An event that lost its discount still tells it by what was paid.
        coalesce(discount, round(1 - total_price / nullif(quantity * unit_price, 0), 4)) as discount_rate,
        total_price as net_amount,
        cast(null as decimal(10, 2)) as profit,
        {{ utc_date('sale_timestamp') }} as sale_date,
        sale_timestamp,
        {{ utc_hour('sale_timestamp') }} as sale_hour,
        {{ utc_minute('sale_timestamp') }} as sale_minute,
        cast(null as date) as ship_date,
        upper(replace(trim(payment_method), ' ', '_')) as payment_method,
        false as is_outlier,
        source_system,
        source_topic || ':' || cast(source_partition as varchar) || ':' || cast(source_offset as varchar)
            as source_position,
        ingestion_timestamp,
        occurrence,
        unit_price,
        90 - 10 * {{ missing_count([
            'customer_id', 'product_name', 'category', 'payment_method', 'store_location', 'discount',
        ]) }} as quality_score
    from events
)

select
    *,
    gross_amount - net_amount as discount_amount,
    case
        when order_id is null or order_id = '' or product_id is null or product_id = '' then 'missing_key'
        when store_id is null or store_id = '' then 'missing_store'
        when occurrence > 1 then 'duplicate_key'
        when sale_timestamp is null then 'missing_date'
        when sale_date < date '2020-01-01' then 'date_before_2020'
        when sale_date > {{ utc_date('ingestion_timestamp') }} + 1 then 'future_date'
        when quantity is null or quantity <= 0 or quantity > 1000 then 'invalid_quantity'
        when unit_price is null or unit_price < 0.01 or unit_price > 10000 then 'invalid_price'
        when net_amount is null or net_amount <= 0 or net_amount > gross_amount then 'invalid_price'
        when discount_rate < 0 or discount_rate > 1 then 'invalid_discount'
        when quality_score < 70 then 'low_quality_score'
    end as exclusion_reason
from shaped
