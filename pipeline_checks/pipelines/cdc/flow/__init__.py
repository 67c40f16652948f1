"""The flow of the CDC pipeline: it moves the data and knows nothing of checks. It imports only ``clients`` and ``model``."""
