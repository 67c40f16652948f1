"""The flow of ``sales``: it knows nothing of checks."""
