"""Loading the warehouse: each load is one transaction."""
