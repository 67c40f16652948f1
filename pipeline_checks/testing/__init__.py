"""For a user's own tests: the pytest plugin ``pipeline_checks_stack`` and what its fixture gives."""
