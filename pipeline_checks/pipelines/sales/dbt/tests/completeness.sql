{{ config(meta={'dagster': {'ref': {'name': 'fact_sales'}}}) }}
-- Of the sales of the last days of the data at least the wanted share has become facts.
with bounds as (
    select max(sale_date) as last_day from {{ ref('int_sales_unified') }}
),

staged as (
    select count(*) as rows_staged
    from (
        select sale_date from {{ ref('stg_sales_batch') }}
        union all
        select sale_date from {{ ref('stg_sales_raw') }}
    ) as sales
    cross join bounds
    where sales.sale_date > bounds.last_day - {{ var('window_days') }}
),

arrived as (
    select count(*) as rows_arrived
    from {{ ref('fact_sales') }} as facts
    cross join bounds
    where facts.sale_date > bounds.last_day - {{ var('window_days') }}
)

select *
from staged
cross join arrived
where rows_arrived < {{ var('completeness_limit') }} * rows_staged
