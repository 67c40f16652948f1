"""Floor 7: the only importer of dagster. Pipelines as assets, checks, jobs and resources; nothing is computed here."""
