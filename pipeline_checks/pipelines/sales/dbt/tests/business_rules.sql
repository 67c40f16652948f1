{{ config(meta={'dagster': {'ref': {'name': 'fact_sales'}}}) }}
-- Rules of the business: a row for each rule that is broken and each sale that breaks it.
{% set rules = {
    'quantity_is_positive': 'quantity_sold > 0',
    'net_is_positive': 'net_sales_amount > 0',
    'gross_is_positive': 'gross_sales_amount > 0',
    'discount_is_not_negative': 'discount_amount >= 0',
    'discount_is_within_gross': 'discount_amount <= gross_sales_amount',
    'discount_is_a_share': 'discount_pct between 0 and 100',
    'margin_is_plausible': 'profit_margin_pct between -3500 and 95 or is_outlier',
    'margin_follows_from_profit': 'abs(profit_margin_pct - 100 * profit_amount / net_sales_amount) <= 0.0001',
    'cost_and_profit_are_net': 'cost_amount + profit_amount = net_sales_amount',
    'price_times_quantity_is_gross':
        'abs(unit_price * quantity_sold - gross_sales_amount) <= 0.01 + 0.0001 * quantity_sold',
    'sale_is_not_from_the_future': 'sale_timestamp <= ingestion_timestamp + interval \'1 day\'',
    'order_size_follows_from_net': "(order_size = 'EXTRA_LARGE') = (net_sales_amount >= 500)",
    'estimated_profit_is_15_percent':
        'not is_profit_estimated or profit_amount = round(net_sales_amount * 0.15, 2)',
} %}
{% for rule, expression in rules.items() %}
select '{{ rule }}' as rule, sales_key
from {{ ref('fact_sales') }}
where not coalesce(({{ expression }}), false)
{% if not loop.last %}union all{% endif %}
{% endfor %}
