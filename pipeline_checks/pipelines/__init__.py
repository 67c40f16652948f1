"""Floor 5: the reference pipelines, one folder each."""
