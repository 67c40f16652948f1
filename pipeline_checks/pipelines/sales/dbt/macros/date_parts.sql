{# Parts of a date that warehouses call by different names: ISO weekday (1 is Monday), ISO week and the year of it. #}
{% macro iso_weekday(day) -%}{{ return(adapter.dispatch('iso_weekday', 'sales')(day)) }}{%- endmacro %}
{% macro default__iso_weekday(day) -%} cast(extract(isodow from {{ day }}) as integer) {%- endmacro %}
{% macro snowflake__iso_weekday(day) -%} dayofweekiso({{ day }}) {%- endmacro %}

{% macro iso_week(day) -%}{{ return(adapter.dispatch('iso_week', 'sales')(day)) }}{%- endmacro %}
{% macro default__iso_week(day) -%} cast(extract(week from {{ day }}) as integer) {%- endmacro %}
{% macro snowflake__iso_week(day) -%} weekiso({{ day }}) {%- endmacro %}

{% macro iso_year(day) -%}{{ return(adapter.dispatch('iso_year', 'sales')(day)) }}{%- endmacro %}
{% macro default__iso_year(day) -%} cast(extract(isoyear from {{ day }}) as integer) {%- endmacro %}
{% macro snowflake__iso_year(day) -%} yearofweekiso({{ day }}) {%- endmacro %}

{# The hour of day in UTC of an instant. #}
{% macro utc_hour(instant) -%}{{ return(adapter.dispatch('utc_hour', 'sales')(instant)) }}{%- endmacro %}
{% macro default__utc_hour(instant) -%} cast(extract(hour from {{ instant }} at time zone 'UTC') as integer) {%- endmacro %}
{% macro snowflake__utc_hour(instant) -%} hour(convert_timezone('UTC', {{ instant }})) {%- endmacro %}

{% macro utc_minute(instant) -%}{{ return(adapter.dispatch('utc_minute', 'sales')(instant)) }}{%- endmacro %}
{% macro default__utc_minute(instant) -%} cast(extract(minute from {{ instant }} at time zone 'UTC') as integer) {%- endmacro %}
{% macro snowflake__utc_minute(instant) -%} minute(convert_timezone('UTC', {{ instant }})) {%- endmacro %}

{# The day in UTC of an instant, and the instant at which a day begins in UTC. #}
{% macro utc_date(instant) -%}{{ return(adapter.dispatch('utc_date', 'sales')(instant)) }}{%- endmacro %}
{% macro default__utc_date(instant) -%} cast({{ instant }} at time zone 'UTC' as date) {%- endmacro %}
{% macro snowflake__utc_date(instant) -%} cast(convert_timezone('UTC', {{ instant }}) as date) {%- endmacro %}

{% macro utc_midnight(day) -%}{{ return(adapter.dispatch('utc_midnight', 'sales')(day)) }}{%- endmacro %}
{% macro default__utc_midnight(day) -%} cast({{ day }} as timestamp) at time zone 'UTC' {%- endmacro %}
{% macro snowflake__utc_midnight(day) -%} cast(cast({{ day }} as varchar) || ' 00:00:00+00:00' as timestamp_tz) {%- endmacro %}
