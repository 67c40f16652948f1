"""What is here is collected where the packages of Snowflake are: they need other versions than the project's lock."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("fakesnow") and find_spec("dbt.adapters.snowflake") else ["test_*.py"]
