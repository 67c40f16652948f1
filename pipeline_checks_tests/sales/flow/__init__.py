"""Tests of the flow of sales: its programs against Kafka, Delta and Postgres."""
