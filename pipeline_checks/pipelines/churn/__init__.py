"""Churn predictions over a stream: a CSV of customers, Kafka, a model, predictions and dead letters."""
