"""Options that the commands of the sales pipeline share, and how their errors end a program."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from pipeline_checks.cli import exits
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError

if TYPE_CHECKING:
    from pipeline_checks.pipelines.sales.flow.configuration.model import Configuration

TESTS: Final = ("happy_path", "data_quality", "high_volume", "edge_cases", "performance")
CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --config, --output-dir, --log-level and --no-cleanup."""
    options = (
        click.option("--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="YAML or JSON."),
        click.option("--output-dir", type=click.Path(path_type=Path), default=Path("reports"), show_default=True),
        click.option("--log-level", type=click.Choice(_LEVELS), help="Of what is logged; else as configured."),
        click.option("--no-cleanup", is_flag=True, help="Leave the services up."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def configured(config: Path | None, log_level: str | None) -> Configuration:
    """Return the configuration: defaults, then the file, then the environment, then flags."""
    from pipeline_checks.pipelines.sales.flow.configuration.loading import load

    override = {"test_environment": {"log_level": log_level}} if log_level else {}
    configuration = load(config, override=override)
    logging.basicConfig(level=configuration.test_environment.log_level, format="%(levelname)s %(name)s %(message)s")
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)  # a probe comes several times a second; it is no news
    return configuration


def run(command: click.Command, name: str, arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 passed, 1 found something, 2 configuration, 3 environment, 130."""
    try:
        answer = command.main(arguments, prog_name=name, standalone_mode=False)
        return answer if isinstance(answer, int) else exits.PASSED
    except click.ClickException as problem:
        problem.show()
        return exits.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return exits.INTERRUPTED
    except PipelineChecksError as problem:
        click.echo(f"error: {problem.message}", err=True)
        if problem.next_step:
            click.echo(f"  {problem.next_step}", err=True)
        return exits.USAGE if isinstance(problem, ConfigurationError) else exits.NOT_PROVED


def end(command: click.Command, name: str) -> None:
    """Run a command as a program: SIGTERM interrupts it, so that what it started is ended."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    sys.exit(run(command, name, sys.argv[1:]))
