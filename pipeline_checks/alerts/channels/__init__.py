"""Where messages go: one module a kind of channel. Each has ``send(notice)``, which raises when it was not taken."""
