"""Runs scenarios: inject, verify, compare the findings with those expected, undo, verify again."""
