"""The services that pipelines share: PostgreSQL, Kafka, Connect and an object store, one module each."""
