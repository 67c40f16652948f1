"""Alerts through a ledger to a local HTTP server."""
