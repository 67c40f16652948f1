{{ config(materialized='ephemeral') }}
-- Every order line in the shape of a sale, with the first reason for which it is left out, or none.
with lines as (
    select
        *,
        row_number() over (
            partition by upper(trim(order_id)), upper(trim(product_id))
            order by source_file, source_row_number
        ) as occurrence
    from {{ source('raw', 'sales_batch_raw') }}
),

shaped as (
    select
        upper(trim(order_id)) as order_id,
        upper(trim(product_id)) as product_id,
        product_name,
        upper(category) as category,
        upper(sub_category) as sub_category,
        nullif(upper(trim(customer_id)), '') as customer_id,
        customer_name,
        segment,
        upper(region) as region,
        upper(country) as country,
        cast('{{ var("direct_store") }}' as varchar) as store_id,
        cast(quantity as bigint) as quantity,
        {{ money('sales / nullif(1 - discount, 0)') }} as gross_amount,
        discount as discount_rate,
        sales as net_amount,
        profit,
        order_date as sale_date,
        {{ utc_midnight('order_date') }} as sale_timestamp,
        cast(null as integer) as sale_hour,  -- a file tells the day, not the hour
        cast(null as integer) as sale_minute,
        ship_date,
        cast(null as varchar) as payment_method,
        is_sales_outlier as is_outlier,
        source_system,
        coalesce(
            source_file || ':' || cast(source_row_number as varchar),
            source_topic || ':' || cast(source_partition as varchar) || ':' || cast(source_offset as varchar)
        ) as source_position,
        ingestion_timestamp,
        occurrence,
        90 - 10 * {{ missing_count([
            'customer_name', 'segment', 'sub_category', 'product_name', 'region', 'ship_mode', 'order_priority',
            'profit', 'shipping_cost',
        ]) }}
        - case when upper(market) in ('US', 'CANADA') and postal_code is null then 10 else 0 end as quality_score
    from lines
)

select
    *,
    -- Who reads the view may have this computed for rows that it leaves out: nothing may divide by 0.
    round(gross_amount / nullif(quantity, 0), 4) as unit_price,
    gross_amount - net_amount as discount_amount,
    case
        when order_id is null or order_id = '' or product_id is null or product_id = '' then 'missing_key'
        when occurrence > 1 then 'duplicate_key'
        when sale_date is null then 'missing_date'
        when sale_date < date '2020-01-01' then 'date_before_2020'
        when sale_date > {{ utc_date('ingestion_timestamp') }} + 1 then 'future_date'
        when ship_date < sale_date then 'ship_before_order'
        when quantity is null or quantity <= 0 or quantity > 1000 then 'invalid_quantity'
        when net_amount is null or net_amount <= 0 then 'invalid_price'
        when discount_rate is null or discount_rate < 0 or discount_rate > 1 then 'invalid_discount'
        -- What a thing cost before a discount of all of it cannot be told from what was paid.
        when discount_rate = 1 then 'full_discount'
        when quality_score < 70 then 'low_quality_score'
    end as exclusion_reason
from shaped
