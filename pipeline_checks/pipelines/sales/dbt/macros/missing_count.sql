{# How many of the columns are null or blank. #}
{% macro missing_count(columns) -%}
    (
    {%- for column in columns %}
        case when {{ column }} is null or trim(cast({{ column }} as varchar)) = '' then 1 else 0 end
        {%- if not loop.last %} + {% endif %}
    {%- endfor %}
    )
{%- endmacro %}
