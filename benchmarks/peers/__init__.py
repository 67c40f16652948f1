"""Other tools that make the same checks of one table. Run by ``time_peer.py`` in an environment of their own."""
