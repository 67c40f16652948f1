"""Tests of the sales pipeline."""
