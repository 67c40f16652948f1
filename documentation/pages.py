"""The pages of the reference: the name of the file, and what gives its text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from documentation import checks, commands, configuration, environment, metrics, report_json, verdicts

FOLDER: Final = Path(__file__).parents[1] / "docs" / "reference"

PAGES: Final[dict[str, Callable[[], str]]] = {
    "commands.md": commands.page,
    "configuration.md": configuration.page,
    "checks.md": checks.page,
    "verdicts.md": verdicts.page,
    "report-json.md": report_json.page,
    "metrics.md": metrics.page,
    "environment.md": environment.page,
}
