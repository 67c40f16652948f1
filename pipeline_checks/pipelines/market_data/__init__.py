"""The market data pipeline: an exchange's feed over WebSocket, Kafka, an Iceberg table and an API."""
