"""The service: its API, its worker, its metadata and the engine that loads files. It knows nothing of checks."""
