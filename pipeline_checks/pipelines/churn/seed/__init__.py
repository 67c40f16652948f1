"""Seed data of the churn pipeline: a CSV of customers, published row by row. Every value follows from a seed."""
