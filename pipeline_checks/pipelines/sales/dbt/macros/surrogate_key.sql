{# A key hashed from business keys. Each part carries its length, so that no two lists of parts give one text. #}
{% macro surrogate_key(columns) -%}
    md5(
    {%- for column in columns %}
        coalesce(cast(length(cast({{ column }} as varchar)) as varchar) || ':' || cast({{ column }} as varchar), '-')
        {%- if not loop.last %} || {% endif %}
    {%- endfor %}
    )
{%- endmacro %}
