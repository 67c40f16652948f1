"""The flow of the CDC pipeline: it moves the data and knows nothing of checks.

It imports nothing of this package but ``clients``, ``model.errors`` and ``model.clock``.
"""
