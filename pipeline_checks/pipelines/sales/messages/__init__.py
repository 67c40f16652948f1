"""The published forms of messages."""
