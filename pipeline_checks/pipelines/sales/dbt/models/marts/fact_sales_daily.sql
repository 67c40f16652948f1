-- A row for each day, product and store. Facts below a score of 80 do not exist, so none is left out here.
with periods as (
    select
        date_key,
        product_key,
        store_key,
        time_of_day,
        row_number() over (
            partition by date_key, product_key, store_key
            order by count(*) desc, time_of_day
        ) as place
    from {{ ref('fact_sales') }}
    where time_of_day is not null
    group by date_key, product_key, store_key, time_of_day
),

days as (
    select
        date_key,
        product_key,
        store_key,
        min(sale_date) as sale_date,
        min(category) as category,
        count(*) as transaction_count,
        count(distinct order_id) as order_count,
        count(distinct customer_id) as unique_customers,
        sum(quantity_sold) as total_quantity,
        sum(gross_sales_amount) as total_gross_amount,
        sum(discount_amount) as total_discount_amount,
        sum(net_sales_amount) as total_net_amount,
        sum(cost_amount) as total_cost_amount,
        sum(profit_amount) as total_profit_amount,
        round(avg(net_sales_amount), 4) as average_net_amount,
        round(avg(quantity_sold), 4) as average_quantity,
        min(quality_score) as lowest_quality_score
    from {{ ref('fact_sales') }}
    group by date_key, product_key, store_key
)

select
    {{ surrogate_key(['days.date_key', 'days.product_key', 'days.store_key']) }} as daily_key,
    days.date_key,
    days.product_key,
    days.store_key,
    days.sale_date,
    days.category,
    days.transaction_count,
    days.order_count,
    days.unique_customers,
    days.total_quantity,
    days.total_gross_amount,
    days.total_discount_amount,
    days.total_net_amount,
    days.total_cost_amount,
    days.total_profit_amount,
    days.average_net_amount,
    days.average_quantity,
    round(days.total_net_amount / sum(days.total_net_amount) over (partition by days.date_key), 8) as share_of_day,
    periods.time_of_day as peak_period,
    case
        when days.total_net_amount >= 10000 then 'EXCELLENT'
        when days.total_net_amount >= 5000 then 'GOOD'
        when days.total_net_amount >= 1000 then 'AVERAGE'
        else 'LOW'
    end as performance_tier,
    days.lowest_quality_score
from days
left join periods
    on periods.date_key = days.date_key
    and periods.product_key = days.product_key
    and periods.store_key = days.store_key
    and periods.place = 1
