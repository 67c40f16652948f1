-- A row a customer: recency, frequency and money as of the last day of the data.
with sales as (
    select * from {{ ref('int_sales_unified') }} where customer_id is not null
),

latest as (
    select max(sale_date) as last_day from sales
),

named as (
    select
        customer_id,
        customer_name,
        segment,
        row_number() over (
            partition by customer_id
            order by case when customer_name is null then 1 else 0 end, sale_date desc, source_position
        ) as place
    from sales
),

spent as (
    select
        customer_id,
        min(sale_date) as first_sale_date,
        max(sale_date) as last_sale_date,
        count(distinct order_id) as total_orders,
        sum(quantity) as total_quantity,
        sum(net_amount) as total_spent
    from sales
    group by customer_id
)

select
    {{ surrogate_key(['spent.customer_id']) }} as customer_key,
    spent.customer_id,
    named.customer_name,
    named.segment,
    spent.first_sale_date,
    spent.last_sale_date,
    spent.total_orders,
    spent.total_quantity,
    spent.total_spent,
    round(spent.total_spent / spent.total_orders, 2) as average_order_value,
    latest.last_day - spent.last_sale_date as days_since_last_sale,
    case
        when latest.last_day - spent.last_sale_date <= 30 then 'RECENT'
        when latest.last_day - spent.last_sale_date <= 90 then 'MODERATE'
        when latest.last_day - spent.last_sale_date <= 365 then 'DORMANT'
        else 'LOST'
    end as recency_segment,
    case
        when spent.total_orders >= 10 then 'VERY_FREQUENT'
        when spent.total_orders >= 5 then 'FREQUENT'
        when spent.total_orders >= 2 then 'REPEAT'
        else 'ONE_TIME'
    end as frequency_segment,
    case
        when spent.total_spent >= 10000 then 'VIP'
        when spent.total_spent >= 5000 then 'HIGH_VALUE'
        when spent.total_spent >= 1000 then 'REGULAR'
        else 'OCCASIONAL'
    end as customer_tier,
    latest.last_day - spent.last_sale_date <= 30 as is_active
from spent
inner join named on named.customer_id = spent.customer_id and named.place = 1
cross join latest
