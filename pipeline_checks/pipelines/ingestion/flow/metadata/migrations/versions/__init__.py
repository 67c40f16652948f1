"""One module a version of the service's tables."""
