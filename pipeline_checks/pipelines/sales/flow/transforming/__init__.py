"""The models of the warehouse: dbt kept warm, what a run covers, and what is recorded of it."""
