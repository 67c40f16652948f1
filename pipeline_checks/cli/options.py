"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click


class SecondsType(click.ParamType[float]):
    """A duration on the command line: ``60s``, ``10m``, or a number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        from pipeline_checks.model.duration import parse_duration

        try:
            number = float(value)
        except (TypeError, ValueError):
            number = None
        try:
            return parse_duration(value if number is None else number)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


project_option = click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of your project; its defs/ are read. The working directory when left out.",
)
provider_option = click.option(
    "--provider",
    type=click.Choice(["embedded", "compose", "external"]),
    help="Where services come from: processes started here, containers, or yours, named by the environment.",
)
rows_option = click.option("--rows", type=click.IntRange(min=1), default=1000, show_default=True, help="Rows a table.")
seed_option = click.option("--seed", type=int, default=42, show_default=True, help="Every value follows from it.")
json_option = click.option("--json", "json_file", metavar="FILE|-", help="Write the machine form.")
deadline_option = click.option(
    "--deadline",
    type=SecondsType(),
    help="How long to wait for stages to settle, such as 60s; else what each declares.",
)
strict_option = click.option("--strict", is_flag=True, help="Exit 1 on a WARN too.")


@dataclass(frozen=True)
class ReportFiles:
    """Where reports of verdicts go: files, or ``-`` for stdout; None leaves one out."""

    json: str | None = None
    junit: str | None = None
    markdown: str | None = None
    html: str | None = None


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that write reports of verdicts; the command takes them together as ``reports``."""

    @wraps(command)
    def gathered(
        *,
        json_file: str | None,
        junit_file: str | None,
        markdown_file: str | None,
        html_file: str | None,
        **others: Any,
    ) -> Any:
        return command(reports=ReportFiles(json_file, junit_file, markdown_file, html_file), **others)

    markdown = click.option("--markdown", "markdown_file", metavar="FILE|-", help="Write a Markdown summary.")
    junit = click.option("--junit", "junit_file", metavar="FILE|-", help="Write JUnit XML, one case a check.")
    html = click.option("--html", "html_file", metavar="FILE|-", help="Write one HTML page that needs nothing else.")
    return json_option(junit(markdown(html(gathered))))
