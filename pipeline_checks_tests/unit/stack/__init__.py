"""Tests of the stack without its services."""
