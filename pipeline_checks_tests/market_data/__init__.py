"""Tests of the market data pipeline."""
