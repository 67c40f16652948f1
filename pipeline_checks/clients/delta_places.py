"""Finding the folder of Delta tables where the environment does not name it: the one place that holds a ``_delta_log``.

A stack that was started by hand has its tables on this machine, one in containers has them below a mounted folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline_checks.model.errors import ConfigurationError


def find_delta_place(candidates: Iterable[str], base: Path, variable: str) -> str | None:
    """Return the only candidate that is a Delta table or a folder of some, None when none is.

    Parameters
    ----------
    candidates:
        Folders; one that is not absolute lies in ``base``.
    variable:
        The environment variable that would name the folder, for messages.

    Raises
    ------
    ConfigurationError
        When several candidates hold tables, as the wrong ones would look just as well.
    """
    found = dict.fromkeys(place.resolve() for c in candidates if _holds_tables(place := base / c))
    if len(found) > 1:
        raise ConfigurationError(
            f"{variable} is not set, and there are Delta tables in {' and in '.join(map(str, found))}",
            next_step=f"Set {variable} to the folder that is meant, or remove the tables that are not.",
            variable=variable,
            ambiguous=True,
        )
    return next((str(place) for place in found), None)


def _holds_tables(place: Path) -> bool:
    try:
        return (place / "_delta_log").is_dir() or any(place.glob("*/_delta_log"))
    except OSError:  # a folder that this user may not enter
        return False
