"""Faults of the network, by a relay that stands between a program and the service that it talks to."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from pipeline_checks.clients.settings import setting
from pipeline_checks.faults.relay import Relay, Weather
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.pipelines.sales.scenarios.errors.load import Load
from pipeline_checks.pipelines.sales.scenarios.errors.model import ErrorScenario, Scene
from pipeline_checks.pipelines.sales.scenarios.errors.programs import Program
from pipeline_checks.pipelines.sales.scenarios.errors.services import stop, up
from pipeline_checks.pipelines.sales.scenarios.words import LINES, LOADER
from pipeline_checks.verification.run import run_checks

_DELAY = 0.5
_CUT = 0.05
_SILENT_SECONDS = 10.0
_SEEN_SECONDS = 60.0


def network() -> Iterator[ErrorScenario]:
    """Yield the scenarios."""
    yield ErrorScenario(
        "network_latency",
        f"All that goes to and from the broker takes {_DELAY:g} s longer: the delay of the lines is found",
        "network_issue", "kafka", "connection", "degrade_gracefully", "automatic", 120,
        inject=_slow,
        probe=_is_slow,
        under_load=False,
    )  # fmt: skip
    yield ErrorScenario(
        "packet_loss",
        "Connections to the broker are reset again and again while lines flow",
        "network_issue", "kafka", "connection", "retry", "automatic", 120,
        inject=_lossy,
        probe=_is_lossy,
        under_load=False,
    )  # fmt: skip
    yield ErrorScenario(
        "connection_timeout",
        f"Nothing that is sent to Postgres arrives for {_SILENT_SECONDS:g} s, while a load is to be written",
        "network_issue", "database", "connection", "retry", "automatic", 90,
        inject=_silent,
        probe=_is_silent,
    )  # fmt: skip


def _relayed_load(scene: Scene) -> Relay:
    relay = Relay(_address(setting("KAFKA_RELAYED")), _address(setting("KAFKA_RELAY")))
    scene.repairs.append(relay.close)
    scene.facts["relay"] = relay
    scene.load = Load(scene.path, brokers=setting("KAFKA_RELAY"))
    # Taken away before the relay is: the load comes to its end by it.
    load = scene.load
    scene.repairs.append(load.finish)
    scene.repairs.append(lambda: setattr(relay, "weather", Weather()))
    load.begin()
    return relay


def _slow(scene: Scene) -> None:
    _relayed_load(scene).weather.delay = _DELAY


def _is_slow(scene: Scene) -> str:
    """Lines that were sent since are late, and the check of their delay says so."""
    relay: Relay = scene.facts["relay"]
    pieces = relay.passed.pieces
    judged = _with_limit(scene.target.pipeline, _DELAY)
    found: list[str] = []

    def is_late() -> bool:
        (result,) = run_checks(judged, [LINES], ["delay"]).checks
        found[:] = [result.judgement.message]
        return result.verdict is Verdict.FAIL

    if not Deadline(_SEEN_SECONDS).wait_until(is_late, every=1.0):
        raise TerminalError(f"no line is late: {' '.join(found)}.", next_step="Delay it more.")
    if relay.passed.pieces == pieces:
        raise TerminalError("nothing goes through the relay.", next_step="See who listens on its port.")
    return f"{relay.passed.pieces} pieces through the relay, the delay is found: {found[0]}"


def _with_limit(pipeline: Pipeline, seconds: float) -> Pipeline:
    """The pipeline with a limit for lines of the last minute."""
    stages = []
    for stage in pipeline.stages:
        if stage.name == LINES:
            promise = {**stage.contract.promises["delay"], "max": seconds, "at": "__append_time", "window": 60.0}
            promise.pop("p95", None)
            contract = stage.contract.model_copy(update={"delay": promise})
            stage = stage.model_copy(update={"contract": contract, "lag_limit": 0.5})
        stages.append(stage)
    return pipeline.model_copy(update={"stages": tuple(stages)})


def _lossy(scene: Scene) -> None:
    _relayed_load(scene).weather.cut = _CUT


def _is_lossy(scene: Scene) -> str:
    relay: Relay = scene.facts["relay"]
    if not Deadline(_SEEN_SECONDS).wait_until(lambda: relay.passed.cuts >= 2 and relay.passed.connections >= 3):
        raise TerminalError("no connection was reset.", next_step="Cut more of them.")
    return f"{relay.passed.cuts} connections reset, {relay.passed.connections} made"


def _silent(scene: Scene) -> None:
    url = urlsplit(setting("SALES_WAREHOUSE_URL"))
    relay = Relay((url.hostname or "127.0.0.1", url.port or 5432))
    place = f"{url.username or ''}{':' + url.password if url.password else ''}@{relay.address[0]}:{relay.address[1]}"
    scene.repairs.append(lambda: up(scene))
    scene.repairs.append(relay.close)
    scene.facts["relay"] = relay
    stop(LOADER)
    program = Program.start("loader", SALES_WAREHOUSE_URL=url._replace(netloc=place).geturl())
    scene.repairs.append(program.end)
    scene.facts["program"] = program
    if not Deadline(_SEEN_SECONDS).wait_until(lambda: relay.passed.pieces > 10):
        raise TerminalError("the loader does not come through the relay.", next_step=f"Look at {program.log}.")
    relay.weather.silent = True


def _is_silent(scene: Scene) -> str:
    """Something is held back for as long as it shall be, then goes on; the loader is the same process."""
    relay, program = scene.facts["relay"], scene.facts["program"]
    if not Deadline(_SEEN_SECONDS).wait_until(lambda: relay.passed.held > 0):
        raise TerminalError("nothing was sent to Postgres.", next_step="Send more lines.")
    pieces = relay.passed.pieces
    if Deadline(_SILENT_SECONDS).wait_until(lambda: relay.passed.pieces > pieces + 1):
        raise TerminalError("something came through.", next_step="Look at the relay.")
    relay.weather.silent = False
    if not Deadline(_SEEN_SECONDS).wait_until(lambda: relay.passed.pieces > pieces + 2):
        raise TerminalError("it does not go on.", next_step=f"Look at {program.log}.")
    if program.process.poll() is not None:
        raise TerminalError(f"the loader has ended: {program.said()[-300:]}", next_step="It must go on by itself.")
    return f"{relay.passed.held} pieces held back for {_SILENT_SECONDS:g} s, then it went on by itself"


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)
