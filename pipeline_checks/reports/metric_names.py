"""The metrics by name: a contract, which dashboards and alert rules are written against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

PREFIX: Final = "pipeline_checks_"


@dataclass(frozen=True)
class Declared:
    """One metric. The name of a counter is written without ``_total``, which Prometheus' text adds."""

    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    help: str


_CHECK: Final = ("pipeline", "stage", "check")
_STAGE: Final = ("pipeline", "stage")

METRICS: Final[dict[str, Declared]] = {
    f"{PREFIX}verdict": Declared(
        "gauge", (*_CHECK, "verdict"), "1 for the newest verdict of a check, 0 for the others"
    ),
    f"{PREFIX}findings": Declared("gauge", _CHECK, "Findings of the newest verdict"),
    f"{PREFIX}check_duration_seconds": Declared("gauge", _CHECK, "How long the newest judgement took"),
    f"{PREFIX}check_timestamp_seconds": Declared("gauge", _CHECK, "When the run began that judged it last"),
    f"{PREFIX}measure": Declared("gauge", (*_CHECK, "measure"), "A number that the newest judgement measured"),
    f"{PREFIX}stage_rows": Declared("gauge", (*_STAGE, "grade"), "Rows of a stage, and how exactly that is known"),
    f"{PREFIX}stage_lag_seconds": Declared("gauge", _STAGE, "Age of the oldest change that a stage has not taken"),
    f"{PREFIX}stage_covers_cut": Declared("gauge", _STAGE, "Whether a stage had taken all that was compared"),
    f"{PREFIX}stage_readable": Declared("gauge", _STAGE, "Whether a stage could be settled and read"),
    f"{PREFIX}stage_version": Declared("gauge", _STAGE, "Version of a table that was judged"),
    f"{PREFIX}stage_offset": Declared("gauge", (*_STAGE, "topic", "partition"), "Next offset behind what was judged"),
    f"{PREFIX}run_duration_seconds": Declared("gauge", ("pipeline",), "How long the newest run took"),
    f"{PREFIX}run_timestamp_seconds": Declared("gauge", ("pipeline",), "When the newest run began"),
    f"{PREFIX}runs": Declared("counter", ("pipeline", "verdict"), "Runs by verdict"),
    f"{PREFIX}alerts_open": Declared(
        "gauge", ("pipeline",), "Checks that people were told of and that still are wrong"
    ),
    f"{PREFIX}alerts_waiting": Declared("gauge", ("pipeline", "channel"), "Messages that a channel has not taken yet"),
    f"{PREFIX}ledger_readable": Declared("gauge", (), "Whether the ledger, from which all this is, could be read"),
    "pipeline_health": Declared("gauge", ("pipeline",), "1 when the newest verdict of every check is PASS or WARN"),
    "cdc_lag_seconds": Declared("gauge", ("pipeline",), "The largest lag of the stages of a pipeline"),
    "row_count_difference": Declared("gauge", _STAGE, "Rows of a stage less the rows that it should have"),
    "deltalake_table_version": Declared("gauge", _STAGE, "Version of a Delta table that was judged"),
    "debezium_connector_status": Declared("gauge", ("pipeline", "connector"), "1 running, 0 stopped, -1 failed"),
    "data_validation": Declared("counter", ("pipeline", "validator", "result"), "Judgements by kind and verdict"),
    "data_validation_failures": Declared(
        "counter", ("pipeline", "validator", "failure_type"), "Findings that were listed, by kind of check and finding"
    ),
    "checksum_mismatches": Declared("counter", ("pipeline", "table"), "Rows whose values were found to differ"),
}
"""Name to what it is. Changing one breaks what others have written."""
