"""Tests of the ingestion pipeline on its services."""
