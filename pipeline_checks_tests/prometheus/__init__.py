"""Against Prometheus itself; `make test-prometheus`."""
