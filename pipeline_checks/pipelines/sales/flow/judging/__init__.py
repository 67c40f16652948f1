"""Judging messages in Spark SQL: typed columns, or the reason, column and value of a rejection."""
