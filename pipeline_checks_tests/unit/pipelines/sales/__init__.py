"""Unit tests of the sales pipeline."""
