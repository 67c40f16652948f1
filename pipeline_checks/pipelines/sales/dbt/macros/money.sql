{# An amount of two decimals. Dividing keeps numbers exact in Postgres; elsewhere it may not, and says so by its type. #}
{% macro money(expression) -%}{{ return(adapter.dispatch('money', 'sales')(expression)) }}{%- endmacro %}
{% macro default__money(expression) -%} round({{ expression }}, 2) {%- endmacro %}
{% macro snowflake__money(expression) -%} cast(round({{ expression }}, 2) as decimal(18, 2)) {%- endmacro %}
