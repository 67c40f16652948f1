"""``pipeline-checks history``: what earlier runs measured of a stage, from the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pipeline_checks.cli.options import json_option
from pipeline_checks.cli.output import table, write_json
from pipeline_checks.model.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline_checks.verification.ledger.ledger import Ledger


@click.command(name="history")
@click.argument("stage", metavar="[PIPELINE.]STAGE")
@click.argument("measure", required=False, metavar="[[CHECK.]MEASURE]")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="Values of a measure.")
@json_option
def command(stage: str, measure: str | None, last: int, json_file: str | None) -> None:
    """Show the numbers that were measured of a stage, or one of them over time, from the ledger.

    \b
    Examples:
      pipeline-checks history delta_orders
      pipeline-checks history cdc.delta_orders rows --last 50
      pipeline-checks history pg_orders counts.rows --json -
    """
    from pipeline_checks.verification.ledger.ledger import Ledger

    with Ledger.existing() as ledger:
        pipeline, name = _place(ledger, stage)
        told = {"schema_version": 1, "pipeline": pipeline, "stage": name}
        if measure is None:
            document, head, rows = _measures(ledger, pipeline, name)
        else:
            document, head, rows = _values(ledger, pipeline, name, measure, last)
    if json_file is not None:
        write_json({**told, **document}, json_file)
    if json_file != "-":
        click.echo(table(head, rows))


Told = tuple[dict[str, Any], tuple[str, ...], list[tuple[str, ...]]]
"""The machine form, and head and rows of the table."""


def _place(ledger: Ledger, stage: str) -> tuple[str, str]:
    """Return pipeline and stage; the pipeline may be left out where only one has such a stage."""
    known = ledger.stages()
    pipeline, _, name = stage.rpartition(".")
    found = [place for place in known if place[1] == name and pipeline in ("", place[0])]
    if len(found) == 1:
        return found[0]
    if found:
        several = " or ".join(f"{p}.{name}" for p, _ in found)
        raise ConfigurationError(f"several pipelines have a stage {name!r}", next_step=f"Write {several}.")
    names = ", ".join(f"{p}.{s}" for p, s in known)
    raise ConfigurationError(
        f"the ledger {ledger.place} tells nothing of {stage!r}",
        next_step=f"It tells of: {names}." if names else "Run `pipeline-checks check` first.",
    )


def _measures(ledger: Ledger, pipeline: str, stage: str) -> Told:
    found = ledger.measures(pipeline, stage)
    proofs = [p for p in ledger.last_proofs(pipeline) if p.stage == stage]
    document: dict[str, Any] = {
        "measures": [
            {
                "check": m.check,
                "measure": m.measure,
                "runs": m.runs,
                "least": m.least,
                "greatest": m.greatest,
                "last": m.last,
                "last_at": m.last_at.isoformat(),
            }
            for m in found
        ],
        "verified_through": [
            {
                "upstream": p.upstream,
                "position": p.position,
                "upstream_position": p.upstream_position,
                "covers": p.covers,
                "cut": p.cut,
                "grade": str(p.grade),
                "rows": p.rows,
                "at": None if p.at is None else p.at.isoformat(),
            }
            for p in proofs
        ],
    }
    rows: list[tuple[str, ...]] = [
        (
            _named(m.check, m.measure),
            f"{m.runs:,}",
            _number(m.last),
            _number(m.least),
            _number(m.greatest),
            _at(m.last_at),
        )
        for m in found
    ]
    rows += [
        (f"verified against {p.upstream}", "", f"{p.rows:,}", "", "", "" if p.at is None else _at(p.at)) for p in proofs
    ]
    return document, ("MEASURE", "RUNS", "LAST", "LEAST", "GREATEST", "AT"), rows


def _values(ledger: Ledger, pipeline: str, stage: str, measure: str, last: int) -> Told:
    measured = ledger.measures(pipeline, stage)
    known = {_named(m.check, m.measure): (m.check, m.measure) for m in measured}
    check, name = known.get(measure, (None, measure))
    if name not in {m.measure for m in measured}:
        raise ConfigurationError(
            f"the ledger has no measure {measure!r} of {pipeline}.{stage}",
            next_step=f"It has: {', '.join(known)}." if known else "No number was measured of it yet.",
        )
    found = ledger.history(pipeline, stage, name, check, last)
    document: dict[str, Any] = {
        "measure": measure,
        "values": [
            {
                "run_id": m.run_id,
                "at": m.at.isoformat(),
                "check": m.check,
                "value": m.value,
                "verdict": m.verdict or None,
            }
            for m in found
        ],
    }
    rows: list[tuple[str, ...]] = [(_at(m.at), m.check or "-", _number(m.value), m.verdict, m.run_id) for m in found]
    return document, ("AT", "CHECK", measure.rpartition(".")[2].upper(), "VERDICT", "RUN"), rows


def _named(check: str, measure: str) -> str:
    """A measure as it is written: those of the stage itself have no check before them."""
    return f"{check}.{measure}" if check else measure


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"


def _at(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ")
