"""Sending lines and events to Kafka, each once."""
