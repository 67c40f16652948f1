"""The flow of the churn pipeline: producer and consumer. It knows nothing of checks.

It imports nothing of this package but ``clients``, ``model.errors`` and ``model.clock``.
"""
