"""A project that makes three tables."""
