"""The commands ``sales-pipeline``, ``sales-faults`` and ``sales-master``."""
