"""Floor 1: connections to Postgres, Kafka, Connect, object stores and HTTP from settings."""
