"""Runs of the whole pipeline, from the first line sent to the verdicts, each leaving its artifacts."""
