"""Faults of data: bytes inside a file, a column less, messages that are no JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline_checks.clients.kafka import producer
from pipeline_checks.clients.lake import open_delta
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline, monotonic
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.sales.flow.tables import DELTA, EVENTS_TOPIC
from pipeline_checks.pipelines.sales.scenarios.errors.load import send, sent
from pipeline_checks.pipelines.sales.scenarios.errors.model import ErrorScenario, Scene

_FAST_SECONDS = 10.0
"""How soon what fails fast must have failed."""
_CONTROL = bytes(range(5))
_BAD_MESSAGES = (b'{"order_id": , "quantity": 1}', b'{"order_id": "x" "quantity": 1}')


def data() -> Iterator[ErrorScenario]:
    """Yield the scenarios."""
    yield ErrorScenario(
        "csv_data_corruption",
        "Bytes 00 to 04 stand inside a file: the sending stops, names the place, and sends nothing",
        "data_corruption", "storage", "file", "fail_fast", "manual", 60,
        inject=_damaged(_with_control_bytes),
        probe=lambda scene: _refused(scene, "Customer Name"),
        under_load=False,
    )  # fmt: skip
    yield ErrorScenario(
        "json_message_corruption",
        "Messages lack a value and a comma: each is put aside with its offset, all else goes on",
        "data_corruption", "kafka", "message", "degrade_gracefully", "automatic", 60,
        inject=_bad_messages,
        probe=_put_aside,
    )  # fmt: skip
    yield ErrorScenario(
        "schema_mismatch",
        "The column Quantity is missing: the run stops before anything is written",
        "data_corruption", "spark", "schema", "fail_fast", "manual", 60,
        inject=_damaged(_without_quantity),
        probe=lambda scene: _refused(scene, "Quantity"),
        under_load=False,
    )  # fmt: skip


def _damaged(change: Callable[[bytes], bytes]) -> Callable[[Scene], None]:
    def inject(scene: Scene) -> None:
        sound, path = scene.path.read_bytes(), scene.path

        def repair() -> None:
            path.write_bytes(sound)
            again = send(path)
            if again.returncode != 0:
                raise TerminalError(f"the repaired file was not sent: {again.stderr[-300:]}", next_step="See why.")

        scene.repairs.append(repair)
        path.write_bytes(change(sound))
        scene.facts["damaged"] = path.read_bytes() != sound

    return inject


def _with_control_bytes(sound: bytes) -> bytes:
    lines = sound.split(b"\n")
    middle = len(lines) // 2
    fields = lines[middle].split(b",")
    fields[6] = fields[6][:4] + _CONTROL + fields[6][4:]
    lines[middle] = b",".join(fields)
    return b"\n".join(lines)


def _without_quantity(sound: bytes) -> bytes:
    lines = [line.split(b",") for line in sound.rstrip(b"\n").split(b"\n")]
    place = lines[0].index(b"Quantity")
    return b"\n".join(b",".join(fields[:place] + fields[place + 1 :]) for fields in lines) + b"\n"


def _refused(scene: Scene, column: str) -> str:
    """The program ends within ten seconds, not with 0, names file, line and column, and nothing was written."""
    if not scene.facts["damaged"]:
        raise TerminalError("the file is as it was.", next_step="Choose another line.")
    before, begun = _written(), monotonic()
    done = send(scene.path)
    seconds = monotonic() - begun
    last = (done.stderr.strip().splitlines() or [""])[-1]
    wrong = [
        text
        for holds, text in (
            (done.returncode != 0, "it ended with 0"),
            (seconds < _FAST_SECONDS, f"it took {seconds:.1f} s"),
            (scene.path.name in last and "line " in last and column in last, f"it says only: {last[:200]}"),
            (_written() == before, "something was written"),
        )
        if not holds
    ]
    if wrong:
        raise TerminalError(f"it did not fail fast: {', '.join(wrong)}.", next_step="Look at the producer.")
    place = last[last.index("line ") :].split(":")[0]
    return f"ended with {done.returncode} after {seconds:.1f} s, naming {place}, nothing written"


def _written() -> tuple[Any, ...]:
    """How many lines the topic has, and the version of each table."""
    folder = setting("SALES_DELTA_PATH")
    return sent(), *(open_delta(f"{folder}/{name}").version() for name in DELTA)


def _bad_messages(scene: Scene) -> None:
    writer, places = producer(setting("KAFKA_BOOTSTRAP_SERVERS")), []

    def done(error: Any, record: Any) -> None:
        if error is None:
            places.append((record.partition(), record.offset()))

    for value in _BAD_MESSAGES:
        writer.produce(EVENTS_TOPIC, value=value, on_delivery=done)
    writer.flush(30)
    if len(places) != len(_BAD_MESSAGES):
        raise TerminalError("the messages were not taken.", next_step="See that Kafka runs.")
    scene.facts["places"] = sorted(places)


def _put_aside(scene: Scene) -> str:
    """Each message stands in quarantine, with its offset and its reason, and nowhere else."""
    wanted = set(scene.facts["places"])
    if not Deadline(60).wait_until(lambda: wanted <= set(_malformed())):
        raise TerminalError("they were not put aside.", next_step="Look at the log of the ETL.")
    return f"{len(wanted)} messages in quarantine as malformed_record, with their offsets"


def _malformed() -> list[tuple[int, int]]:
    import pyarrow as pa

    opened = open_delta(str(Path(setting("SALES_DELTA_PATH")) / "events_quarantine"))
    scan = opened.scan(columns=["source_partition", "source_offset"], predicate="rejection_reason = 'malformed_record'")
    rows = pa.RecordBatchReader.from_stream(scan).read_all().to_pylist()
    return [(row["source_partition"], row["source_offset"]) for row in rows]
