"""Tests of the market data pipeline without services."""
