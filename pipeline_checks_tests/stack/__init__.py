"""Tests that need running services."""
