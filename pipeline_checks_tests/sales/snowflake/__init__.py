"""The models on Snowflake's dialect: in an environment of its own, made by `make snowflake`."""
