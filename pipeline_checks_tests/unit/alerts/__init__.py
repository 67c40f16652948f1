"""Alerts without services: what is decided, how it looks, and what is left out of it."""
