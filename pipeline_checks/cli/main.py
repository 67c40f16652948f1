"""The console script: options of all commands, and what becomes of errors."""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version
from types import FrameType
from typing import Final

import click

from pipeline_checks.cli import exits
from pipeline_checks.cli.lazy import LazyGroup
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError

COMMANDS: Final = {
    "up": ("pipeline_checks.cli.up", "Start the services of pipelines and wait until each answers."),
    "down": ("pipeline_checks.cli.down", "Stop everything that `up` started."),
    "status": ("pipeline_checks.cli.status", "Show each service: state, port, uptime, memory, log."),
    "list": ("pipeline_checks.cli.list", "List pipelines, their stages and checks."),
    "run": ("pipeline_checks.cli.run", "Up, seed, move the data, verify every stage, report."),
    "seed": ("pipeline_checks.cli.seed", "Write seed data into the source of a pipeline."),
    "check": ("pipeline_checks.cli.check", "Verify pipelines or single stages; nothing is moved."),
    "scenario": ("pipeline_checks.cli.scenario", "Damage a pipeline and compare the findings with the expected ones."),
    "fault": ("pipeline_checks.cli.fault", "List faults, inject one by hand, undo it."),
    "contract": ("pipeline_checks.cli.contract", "Show the contract that a schema of others describes."),
    "init": ("pipeline_checks.cli.init", "Propose a pipeline for what you have, and check it."),
    "report": ("pipeline_checks.cli.report", "Write reports of runs that are over, from the ledger."),
    "history": ("pipeline_checks.cli.history", "Show what earlier runs measured of a stage."),
    "alerts": ("pipeline_checks.cli.alerts", "Show what people were told, try the channels, mute."),
    "metrics": ("pipeline_checks.cli.metrics", "Serve verdicts, lag, rows and durations to Prometheus."),
    "jars": ("pipeline_checks.cli.jars", "Fetch the jars of the stack, or lock them anew."),
}
"""Command to its module and what it is for."""

DEBUG_VARIABLE: Final = "PIPELINE_CHECKS_DEBUG"

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings=CONTEXT, no_args_is_help=True)
@click.option("--debug", is_flag=True, envvar=DEBUG_VARIABLE, help="Show the traceback of an error.")
@click.version_option(version("pipeline-checks"), prog_name="pipeline-checks")
def cli(debug: bool) -> None:
    """Prove that every row arrived at every stage of a pipeline: once, right and in time.

    \b
    Example:
      pipeline-checks run cdc          the whole thing, on services of its own
      pipeline-checks check cdc        verdicts about a running pipeline

    Exit codes: 0 passed, 1 a check failed, 2 usage or configuration, 3 not settled or could not look,
    130 interrupted.
    """


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    signal.signal(signal.SIGTERM, _interrupt)  # who ends a job in CI sends this one; what was started must be stopped
    debug = "--debug" in sys.argv[1:] or os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")
    sys.exit(run(sys.argv[1:], debug=debug))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run(arguments: list[str], *, debug: bool = False) -> int:
    """Run the command line with ``arguments`` and return its exit code; ``debug`` lets errors through."""
    try:
        answer = cli.main(arguments, prog_name="pipeline-checks", standalone_mode=False)
        return answer if isinstance(answer, int) else exits.PASSED
    except click.exceptions.NoArgsIsHelpError as problem:
        problem.show()
        return exits.USAGE
    except click.ClickException as problem:
        problem.show()
        return exits.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return exits.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; nobody is left to tell
        return exits.PASSED
    except PipelineChecksError as problem:
        if debug:
            raise
        _tell(problem.message, problem.next_step)
        return exits.USAGE if isinstance(problem, ConfigurationError) else exits.NOT_PROVED
    except Exception as problem:
        if debug:
            raise
        _tell(
            f"{type(problem).__name__}: {problem}",
            "This is a fault of ours; `pipeline-checks --debug ...` shows where.",
        )
        return exits.NOT_PROVED


def _tell(message: str, next_step: str) -> None:
    click.echo(f"error: {message}", err=True)
    if next_step:
        click.echo(f"  {next_step}", err=True)
