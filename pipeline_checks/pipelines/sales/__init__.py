"""The pipeline ``sales``: CSV lines and store events through Kafka and Spark into Delta, Postgres and dbt."""
