"""Floor 2: compute measures over rows that are handed to them. An engine knows no stage and no check."""
