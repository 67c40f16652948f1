"""Every feature of Delta and Iceberg tables, written by Spark and read by the stages: right, or refused by name."""
