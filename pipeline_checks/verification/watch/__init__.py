"""Watching: which stages have moved since they were looked at last, and what has to be verified because of it."""
