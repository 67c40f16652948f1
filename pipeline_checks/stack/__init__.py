"""Floor 2: services and providers. Starts, probes and stops what a pipeline runs on; knows nothing of checks."""
