"""Damage done on purpose: faults of data and of services, each recorded before it is done and taken back afterwards."""
