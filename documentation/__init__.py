"""Writes the reference in ``docs/reference`` from the code: ``python -m documentation``, or ``make docs``."""
