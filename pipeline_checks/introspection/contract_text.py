"""A contract as the text that stands in a ``defs.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline_checks.introspection.writing import flow
from pipeline_checks.model.contract import Column, Contract


def contract_text(contract: Contract) -> str:
    """Return the contract in YAML, to be put below ``contract:`` of a stage.

    >>> print(contract_text(Contract(key=("id",), columns={"id": Column(type="int64", nullable=False, min=1)})))
    contract:
      key: [id]
      columns:
        id: {type: int64, nullable: false, min: 1}
    """
    return "\n".join(["contract:", *(f"  {line}" for line in _lines(contract))])


def _lines(contract: Contract) -> Iterator[str]:
    if contract.key:
        yield f"key: {flow(list(contract.key))}"
    else:
        yield "key: []  # name the columns that identify a row"
    if contract.event_time is not None:
        yield f"event_time: {flow(contract.event_time)}"
    for name, promise in contract.promises.items():
        yield f"{flow(name)}: {flow(promise)}"
    if contract.columns:
        yield "columns:"
        yield from (f"  {flow(name)}: {flow(_column(column))}" for name, column in contract.columns.items())


def _column(column: Column) -> Any:
    written: dict[str, Any] = {"type": str(column.type)}
    if not column.nullable:
        written["nullable"] = False
    written |= column.promises
    return written["type"] if len(written) == 1 else written
