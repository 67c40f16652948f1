"""The table of trades: its definition, and the writer that brings each trade into it once."""
