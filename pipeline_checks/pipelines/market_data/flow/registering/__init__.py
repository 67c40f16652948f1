"""A minimal schema registry, for a stack on one machine."""
