-- Every day from 2020 to the end of the year of the last sale or delivery: what it spans follows the data.
with bounds as (
    select
        date '2020-01-01' as first_day,
        cast(date_trunc('year', coalesce(max(greatest(sale_date, coalesce(ship_date, sale_date))), date '2020-01-01'))
            as date) as last_year
    from {{ ref('int_sales_unified') }}
),

spine as (
    {{ days("date '2020-01-01'", "(select last_year + 366 from bounds)") }}
)

select day as date_value
from spine
cross join bounds
where extract(year from day) <= extract(year from last_year)
