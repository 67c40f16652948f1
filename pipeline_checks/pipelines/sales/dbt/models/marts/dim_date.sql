-- A row a day. Weeks are those of ISO 8601; the fiscal year begins in February and is called by the year it begins in.
with parts as (
    select
        date_value,
        cast(extract(year from date_value) as integer) as year,
        cast(extract(quarter from date_value) as integer) as quarter,
        cast(extract(month from date_value) as integer) as month,
        cast(extract(day from date_value) as integer) as day_of_month,
        {{ iso_weekday('date_value') }} as day_of_week,
        {{ iso_week('date_value') }} as iso_week,
        {{ iso_year('date_value') }} as iso_year
    from {{ ref('int_date_spine') }}
),

fiscal as (
    select
        *,
        case when month >= 2 then year else year - 1 end as fiscal_year,
        case when month >= 2 then month - 1 else 12 end as fiscal_month
    from parts
)

select
    year * 10000 + month * 100 + day_of_month as date_key,
    date_value,
    year,
    quarter,
    month,
    day_of_month,
    day_of_week,
    iso_week,
    iso_year,
    case month
        when 1 then 'January' when 2 then 'February' when 3 then 'March' when 4 then 'April'
        when 5 then 'May' when 6 then 'June' when 7 then 'July' when 8 then 'August'
        when 9 then 'September' when 10 then 'October' when 11 then 'November' else 'December'
    end as month_name,
    case day_of_week
        when 1 then 'Monday' when 2 then 'Tuesday' when 3 then 'Wednesday' when 4 then 'Thursday'
        when 5 then 'Friday' when 6 then 'Saturday' else 'Sunday'
    end as day_name,
    day_of_week >= 6 as is_weekend,
    case
        when month = 1 and day_of_month = 1 then 'New Year''s Day'
        when month = 7 and day_of_month = 4 then 'Independence Day'
        when month = 12 and day_of_month = 25 then 'Christmas Day'
    end as holiday_name,
    (month = 1 and day_of_month = 1) or (month = 7 and day_of_month = 4) or (month = 12 and day_of_month = 25)
        as is_holiday,
    fiscal_year,
    fiscal_month,
    cast(floor((fiscal_month - 1) / 3) as integer) + 1 as fiscal_quarter
from fiscal
