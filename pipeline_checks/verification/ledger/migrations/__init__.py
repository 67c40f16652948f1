"""Alembic's scripts, by which the tables of a ledger come to be and change."""
