"""Files in an object store, an HTTP service that loads each of them once, and an Iceberg table."""
