"""The page of the commands: what ``--help`` says of each."""

from __future__ import annotations

from collections.abc import Iterator

import click

from documentation.markdown import head, text
from pipeline_checks.cli.main import CONTEXT, cli

_INTRODUCTION = (
    "Progress goes to stderr, results to stdout; `--json -` writes the machine form to stdout. Exit codes, the first "
    "that applies: **2** usage or configuration, **1** a FAIL, **3** something unsettled or not evaluated, **0** "
    "passed (WARN included, unless `--strict`); **130** interrupted.",
)


def page() -> str:
    """Return the page."""
    lines = head("Commands", *_INTRODUCTION)
    for command, name in _commands(cli, "pipeline-checks"):
        lines += [f"## {name}", "", "```text", _help(command, name), "```", ""]
    return text(lines)


def _commands(group: click.Group, path: str) -> Iterator[tuple[click.Command, str]]:
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield command, f"{path} {name}"


def _help(command: click.Command, name: str) -> str:
    settings = {k: v for k, v in CONTEXT.items() if k != "max_content_width"}
    context = click.Context(command, info_name=name, terminal_width=100, **settings)  # type: ignore[arg-type]
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
