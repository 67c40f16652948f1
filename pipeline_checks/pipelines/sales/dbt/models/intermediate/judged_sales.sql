{{ config(materialized='ephemeral') }}
-- The sales of both feeds as one, with what follows from a sale alone.
with sales as (
    select * from {{ ref('stg_sales_batch') }}
    union all
    select * from {{ ref('stg_sales_raw') }}
),

scored as (
    select
        {{ surrogate_key(['source_system', 'order_id', 'product_id']) }} as sale_key,
        order_id,
        product_id,
        product_name,
        category,
        sub_category,
        customer_id,
        customer_name,
        segment,
        region,
        country,
        store_id,
        quantity,
        unit_price,
        gross_amount,
        discount_rate,
        discount_amount,
        net_amount,
        coalesce(profit, {{ money('net_amount * 0.15') }}) as estimated_profit,
        profit is null as is_profit_estimated,
        sale_date,
        sale_timestamp,
        sale_hour,
        sale_minute,
        ship_date,
        payment_method,
        is_outlier,
        source_system,
        source_position,
        ingestion_timestamp,
        quality_score
            + case when customer_id is not null then 5 else 0 end
            + case when profit is not null then 5 else 0 end
            + case when region is not null then 5 else 0 end
            + case when segment is not null then 5 else 0 end as quality_score
    from sales
)

select
    *,
    case
        when net_amount < 50 then 'SMALL'
        when net_amount < 200 then 'MEDIUM'
        when net_amount < 500 then 'LARGE'
        else 'EXTRA_LARGE'
    end as order_size,
    case
        when discount_rate = 0 then 'NO_DISCOUNT'
        when discount_rate <= 0.1 then 'LOW_DISCOUNT'
        when discount_rate <= 0.25 then 'MEDIUM_DISCOUNT'
        else 'HIGH_DISCOUNT'
    end as discount_category,
    case
        when quantity = 1 then 'SINGLE'
        when quantity <= 5 then 'FEW'
        when quantity <= 10 then 'MANY'
        else 'BULK'
    end as quantity_category,
    case
        when sale_hour is null then null
        when sale_hour between 6 and 11 then 'MORNING'
        when sale_hour between 12 and 17 then 'AFTERNOON'
        when sale_hour between 18 and 21 then 'EVENING'
        else 'NIGHT'
    end as time_of_day,
    case when {{ iso_weekday('sale_date') }} >= 6 then 'WEEKEND' else 'WEEKDAY' end as day_type,
    case when quality_score < 75 then 'low_quality_score' end as exclusion_reason
from scored
