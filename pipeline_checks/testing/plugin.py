"""The pytest plugin ``pipeline_checks_stack``: services of pipelines as a fixture, their checks as tests.

It is loaded in every pytest session of the environment, so nothing of this package is imported before a test asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest

if TYPE_CHECKING:
    from pipeline_checks.model.pipeline import Pipeline
    from pipeline_checks.stack.status import Progress
    from pipeline_checks.testing.stack import PipelineStack

_INI = "pipeline_checks_pipelines"
_WORDS: Final[Literal["args"]] = "args"
_STARTED = pytest.StashKey[set[str]]()
_WORKER = "workeroutput"
_OUTPUT = "pipeline_checks_started"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the setting that name pipelines and provider."""
    asked = "pipelines whose services the tests need; those of the project's defs/ by default"
    parser.addini(_INI, asked, type=_WORDS)
    group = parser.getgroup("pipeline_checks", "services of pipelines")
    group.addoption("--pipelines", metavar="NAME,...", help=f"instead of the setting {_INI}")
    group.addoption("--pipeline-provider", metavar="NAME", help="where services come from, as of pipeline-checks up")
    group.addoption("--keep-pipelines", action="store_true", help="leave the services up that the tests have started")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the list of what is started."""
    config.stash[_STARTED] = set()


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say who starts the services, where pipelines are named."""
    if not _named(config):
        return None
    from pipeline_checks.testing.modes import mode_of

    return f"pipeline_checks_stack: {mode_of(config.getoption('--pipeline-provider'))}"


@pytest.fixture(scope="session")
def pipeline_checks_stack(request: pytest.FixtureRequest) -> Iterator[PipelineStack]:
    """Return the services of the named pipelines, every one ready, with methods to verify the pipelines.

    What does not run is started: services in the order of their dependencies, the connector, the flow. At the end what
    was started is stopped. With ``SKIP_PIPELINE_MANAGEMENT`` or the provider ``external`` nothing is started and
    nothing stopped. A service that is missing makes the tests that need it errors; they are never skipped.
    """
    from pipeline_checks.testing.modes import mode_of
    from pipeline_checks.testing.stack import bring_up

    config = request.config
    stack = bring_up(_pipelines(config), mode_of(config.getoption("--pipeline-provider")), _teller(config))
    config.stash[_STARTED].update(stack.started)
    yield stack


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take over what a worker of pytest-xdist has started: others may still use it."""
    node.config.stash[_STARTED].update(getattr(node, _WORKER, {}).get(_OUTPUT, ()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop what was started, in the process that outlives all workers."""
    config = session.config
    started = config.stash[_STARTED]
    if hasattr(config, _WORKER):
        getattr(config, _WORKER)[_OUTPUT] = sorted(started)
    elif started and not config.getoption("--keep-pipelines"):
        from pipeline_checks.testing.modes import mode_of
        from pipeline_checks.testing.stack import take_down

        take_down(_pipelines(config), mode_of(config.getoption("--pipeline-provider")), started)


def _teller(config: pytest.Config) -> Callable[[Progress], None]:
    """Return what shows the steps of a start with ``-v``, past the capture of what tests print."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")

    def tell(step: Progress) -> None:
        if reporter is not None and config.getoption("verbose") > 0:
            with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
                reporter.write_line(f"pipeline_checks_stack: {step}")

    return tell


def _named(config: pytest.Config) -> list[str]:
    given = config.getoption("--pipelines")
    return [n.strip() for n in given.split(",") if n.strip()] if given else list(config.getini(_INI))


def _pipelines(config: pytest.Config) -> list[Pipeline]:
    from pipeline_checks.verification.discovery import load_pipeline, project_sources

    root = config.rootpath
    named = _named(config)
    found = [load_pipeline(name, root) for name in named] if named else [s.build() for s in project_sources(root)]
    if not found:
        raise pytest.UsageError(
            f"no pipeline is named: set {_INI} in the configuration of pytest, or --pipelines, or declare one in "
            f"{root / 'defs'}"
        )
    return found
