"""The HTTP API: requests, answers, refusals and routes."""
