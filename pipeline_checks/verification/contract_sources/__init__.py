"""Contracts that are written elsewhere: Avro and JSON Schema, ODCS data contracts, the manifest of dbt."""
