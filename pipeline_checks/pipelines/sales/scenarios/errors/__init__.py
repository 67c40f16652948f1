"""Faults that are done to the running pipeline while lines flow, each with what must come of it."""
