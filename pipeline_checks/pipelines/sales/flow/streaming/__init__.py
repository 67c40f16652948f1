"""The streaming query of the ETL."""
