{{ config(meta={'dagster': {'ref': {'name': 'fact_sales'}}}) }}
-- Dimensions and facts fit together: a row for each rule that is broken and each row that breaks it.
select 'date_of_key' as rule, f.sales_key as broken_by
from {{ ref('fact_sales') }} as f
inner join {{ ref('dim_date') }} as d on d.date_key = f.date_key
where d.date_value <> f.sale_date
union all
select 'product_of_key', f.sales_key
from {{ ref('fact_sales') }} as f
inner join {{ ref('dim_product') }} as d on d.product_key = f.product_key
where d.product_id <> f.product_id
union all
select 'product_version_of_day', f.sales_key
from {{ ref('fact_sales') }} as f
inner join {{ ref('dim_product') }} as d on d.product_key = f.product_key
where f.sale_date not between d.effective_date and d.expiration_date
union all
select 'category_of_product', f.sales_key
from {{ ref('fact_sales') }} as f
inner join {{ ref('dim_product') }} as d on d.product_key = f.product_key
where f.category <> d.category
union all
select 'store_of_key', f.sales_key
from {{ ref('fact_sales') }} as f
inner join {{ ref('dim_store') }} as d on d.store_key = f.store_key
where d.store_id <> f.store_id
union all
select 'store_version_of_day', f.sales_key
from {{ ref('fact_sales') }} as f
inner join {{ ref('dim_store') }} as d on d.store_key = f.store_key
where f.sale_date not between d.effective_date and d.expiration_date
union all
select 'customer_of_key', f.sales_key
from {{ ref('fact_sales') }} as f
left join {{ ref('dim_customer') }} as d on d.customer_key = f.customer_key
where f.customer_id is distinct from d.customer_id
union all
select 'customer_has_sales', d.customer_key
from {{ ref('dim_customer') }} as d
where not exists (select 1 from {{ ref('int_sales_unified') }} as s where s.customer_id = d.customer_id)
