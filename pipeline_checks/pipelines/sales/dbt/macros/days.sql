{# A row a day, both ends included; the column is called day. #}
{% macro days(first, last) -%}
    {{ return(adapter.dispatch('days', 'sales')(first, last)) }}
{%- endmacro %}

{% macro default__days(first, last) -%}
    select cast(day as date) as day
    from generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1 day') as series(day)
{%- endmacro %}

{% macro snowflake__days(first, last) -%}
    select cast(dateadd(day, number, {{ first }}) as date) as day
    from (
        select row_number() over (order by seq4()) - 1 as number
        from table(generator(rowcount => 36525))
    ) as numbers
    where cast(dateadd(day, number, {{ first }}) as date) <= {{ last }}
{%- endmacro %}
