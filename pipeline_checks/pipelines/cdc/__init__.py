"""Change data capture from Postgres through Debezium, Kafka and Spark to Delta Lake and Iceberg."""
