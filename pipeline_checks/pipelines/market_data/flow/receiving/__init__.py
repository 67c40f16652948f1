"""The stream client: what it makes of the exchange's frames, and how it keeps its connection."""
