"""Where Dagster keeps its files when ``dagster.yaml`` names no folder."""

import os
from pathlib import Path

from pipeline_checks.model.errors import ConfigurationError


def folder_in_home(what: str, setting: str, *parts: str) -> str:
    """Return a folder below ``DAGSTER_HOME``.

    Raises ConfigurationError when that is not set: ``what`` has no folder, which ``base_dir`` below ``setting`` of
    ``dagster.yaml`` would give it.
    """
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        raise ConfigurationError(
            f"{what} has no folder: DAGSTER_HOME is not set",
            next_step=f"Set DAGSTER_HOME, or `base_dir` below `{setting}` in dagster.yaml.",
        )
    return str(Path(home).joinpath(*parts))
