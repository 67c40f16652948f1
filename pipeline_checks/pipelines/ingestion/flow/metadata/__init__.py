"""What the service knows: ingestions, runs, files, schema versions, refreshes and alerts, in Postgres."""
