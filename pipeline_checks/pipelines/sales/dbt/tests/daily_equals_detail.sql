{{ config(meta={'dagster': {'ref': {'name': 'fact_sales_daily'}}}) }}
-- The daily table holds exactly the sums of the facts, both ways.
with detail as (
    select
        date_key,
        product_key,
        store_key,
        count(*) as transaction_count,
        sum(quantity_sold) as total_quantity,
        sum(gross_sales_amount) as total_gross_amount,
        sum(discount_amount) as total_discount_amount,
        sum(net_sales_amount) as total_net_amount,
        sum(cost_amount) as total_cost_amount,
        sum(profit_amount) as total_profit_amount
    from {{ ref('fact_sales') }}
    group by date_key, product_key, store_key
)

select
    coalesce(detail.date_key, daily.date_key) as date_key,
    coalesce(detail.product_key, daily.product_key) as product_key,
    coalesce(detail.store_key, daily.store_key) as store_key
from detail
full outer join {{ ref('fact_sales_daily') }} as daily
    on daily.date_key = detail.date_key
    and daily.product_key = detail.product_key
    and daily.store_key = detail.store_key
where daily.transaction_count is distinct from detail.transaction_count
   or daily.total_quantity is distinct from detail.total_quantity
   or daily.total_gross_amount is distinct from detail.total_gross_amount
   or daily.total_discount_amount is distinct from detail.total_discount_amount
   or daily.total_net_amount is distinct from detail.total_net_amount
   or daily.total_cost_amount is distinct from detail.total_cost_amount
   or daily.total_profit_amount is distinct from detail.total_profit_amount
