"""Alembic's scripts, by which the tables of the service come to be and change."""
