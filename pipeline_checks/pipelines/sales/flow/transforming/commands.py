"""dbt in this process: the project is parsed once, and every command runs on what was parsed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError, TransientError

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PROJECT: Final = Path(__file__).resolve().parents[2] / "dbt"
_MOST_TEXT: Final = 10_000
"""Characters of a command's output that are kept."""
_WILL_PASS: Final = ("could not connect", "connection", "terminating", "server closed", "timeout", "too many clients")
_FAILED_TEST: Final = frozenset({"fail"})
_FAILED: Final = frozenset({"error", "runtime error", "partial success"})


@dataclass(frozen=True)
class NodeOutcome:
    """What became of one model or test.

    Parameters
    ----------
    status:
        As dbt calls it: success, pass, warn, fail, error, skipped.
    failures:
        How many rows broke a test, None for models.
    """

    name: str
    kind: str
    model: str
    severity: str
    status: str
    seconds: float
    failures: int | None
    message: str


@dataclass(frozen=True)
class CommandOutcome:
    """What became of one command."""

    command: str
    success: bool
    seconds: float
    nodes: tuple[NodeOutcome, ...]
    stdout: str
    stderr: str

    @property
    def broken(self) -> tuple[NodeOutcome, ...]:
        """The nodes that could not be run: an error of the database or of SQL, not a test that found something."""
        return tuple(n for n in self.nodes if n.status in _FAILED or (n.kind == "model" and n.status == "skipped"))

    @property
    def failed_tests(self) -> tuple[NodeOutcome, ...]:
        """The tests that found rows, those that only warn left out."""
        return tuple(n for n in self.nodes if n.status in _FAILED_TEST)

    def to_json(self) -> dict[str, Any]:
        """Return the command and its end as JSON values; the code is what dbt's own program would exit with."""
        return {
            "command": self.command,
            "returncode": 0 if self.success else 1,
            "stdout": self.stdout,
            "stderr": self.stderr,
            "success": self.success,
            "seconds": round(self.seconds, 3),
        }


def environment(url: str) -> dict[str, str]:
    """Return the variables by which ``profiles.yml`` finds the warehouse of a URL.

    Raises ConfigurationError when it is no URL of a Postgres database.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ConfigurationError(
            "the URL of the warehouse cannot be read.", next_step="Write it as postgresql://user@host:5432/database."
        )
    found = {
        "SALES_DBT_HOST": parts.hostname or "localhost",
        "SALES_DBT_PORT": str(parts.port or 5432),
        "SALES_DBT_USER": unquote(parts.username or "postgres"),
        "SALES_DBT_DATABASE": parts.path.strip("/"),
    }
    if parts.password:
        # dbt keeps variables of this beginning out of its logs.
        found["DBT_ENV_SECRET_SALES_PASSWORD"] = unquote(parts.password)
    return found


class Dbt:
    """Runs commands of the project against one warehouse.

    Parameters
    ----------
    folder:
        Where dbt writes its logs and what it compiled; nothing is written beside the project.
    """

    def __init__(self, url: str, folder: Path, project: Path = PROJECT) -> None:
        self._environment = environment(url)
        self._folder, self._project = folder, project
        self._manifest: Manifest | None = None

    def invoke(self, *words: str) -> CommandOutcome:
        """Run one command, as ``invoke("run")`` or ``invoke("test", "--select", "fact_sales")``.

        Raises TransientError when the warehouse was not to be reached, TerminalError when the command could not be
        run at all; models that do not build and tests that find something are in the outcome.
        """
        self.parse()
        return self._invoke(words)

    def parse(self) -> None:
        """Read the project, unless that was done."""
        if self._manifest is None:
            self._invoke(("parse",))

    def _invoke(self, words: tuple[str, ...]) -> CommandOutcome:
        from dbt.cli.main import dbtRunner

        os.environ.update(self._environment)
        told: list[str] = []
        problems: list[str] = []

        def note(event: Any) -> None:
            level = str(event.info.level)
            if level in ("warn", "error"):
                problems.append(str(event.info.msg))
            elif level == "info":
                told.append(str(event.info.msg))

        started = monotonic()
        # A command leaves in the manifest what it compiled, and the next one would take parts of that for its own.
        manifest = None if self._manifest is None else self._manifest.deepcopy()  # type: ignore[no-untyped-call]
        runner = dbtRunner(manifest=manifest, callbacks=[note])
        answer = runner.invoke([*_QUIET, words[0], *self._places(), *words[1:]])
        seconds = monotonic() - started
        if answer.exception is not None:
            raise _told(words[0], answer.exception)
        if words[0] == "parse":
            self._manifest = answer.result  # type: ignore[assignment]
        results = getattr(answer.result, "results", None) or ()
        return CommandOutcome(
            command="dbt " + " ".join(words),
            success=bool(answer.success),
            seconds=seconds,
            nodes=tuple(_outcome(r) for r in results),
            stdout="\n".join(told)[-_MOST_TEXT:],
            stderr="\n".join(problems)[-_MOST_TEXT:],
        )

    def _places(self) -> tuple[str, ...]:
        self._folder.mkdir(parents=True, exist_ok=True)
        project, folder = str(self._project), self._folder
        places = ("--project-dir", project, "--profiles-dir", project)
        return (*places, "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"))


_QUIET: Final = ("--quiet", "--no-use-colors", "--no-version-check", "--no-send-anonymous-usage-stats")


def _told(command: str, problem: BaseException) -> PipelineChecksError:
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    text = " ".join(lines)[:500] or type(problem).__name__
    if any(words in text.lower() for words in _WILL_PASS):
        return TransientError(f"dbt {command}: {text}", next_step="See that the warehouse runs and can be reached.")
    return TerminalError(f"dbt {command}: {text}", next_step="Look at the log of dbt beside what it compiled.")


def _outcome(result: Any) -> NodeOutcome:
    node = result.node
    kind = str(getattr(node.resource_type, "value", node.resource_type))
    attached = str(getattr(node, "attached_node", None) or "").rpartition(".")[2]
    if kind == "test" and not attached:
        meta = getattr(node.config, "meta", None) or {}
        attached = str(meta.get("dagster", {}).get("ref", {}).get("name", ""))
    return NodeOutcome(
        name=str(node.name),
        kind=kind,
        model=str(node.name) if kind == "model" else attached,
        severity=str(getattr(node.config, "severity", "")).lower() if kind == "test" else "",
        status=str(getattr(result.status, "value", result.status)),
        seconds=float(result.execution_time),
        failures=result.failures if kind == "test" else None,
        message=str(result.message or "")[:1000],
    )
