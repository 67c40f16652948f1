"""The programs of the market data pipeline. They know nothing of checks."""
