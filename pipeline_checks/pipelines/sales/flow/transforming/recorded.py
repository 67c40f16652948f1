"""A run of dbt by another program, made of the files that dbt leaves."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pipeline_checks.pipelines.sales.flow.transforming.commands import NodeOutcome
from pipeline_checks.pipelines.sales.flow.transforming.loads import Loads
from pipeline_checks.pipelines.sales.flow.transforming.runs import Run

_GOOD: Final = frozenset({"success", "pass", "warn"})


def run_of(
    loads: Loads,
    artifacts: Sequence[Mapping[str, Any]],
    manifest: Mapping[str, Any],
    started_at: datetime,
    seconds: float,
) -> Run:
    """Return the run that ``run_results.json`` of its commands tell of; built when each model of the manifest was."""
    nodes = [
        _outcome(result, manifest["nodes"].get(result["unique_id"], {}))
        for artifact in artifacts
        for result in artifact["results"]
    ]
    wanted = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral"
    }
    models = [n for n in nodes if n.kind == "model"]
    tests = tuple(n for n in nodes if n.kind == "test")
    built = wanted <= {n.name for n in models if n.status in _GOOD}
    failed = sum(n.status == "fail" for n in tests)
    broken = next((n for n in nodes if n.status not in _GOOD and n.status != "fail"), None)
    missing = sorted(wanted - {n.name for n in models})
    error = (
        f"{broken.kind} {broken.name}: {broken.message or broken.status}"
        if broken is not None
        else f"not built: {', '.join(missing)}"
        if missing
        else None
    )
    return Run(
        run_id=str(uuid.uuid4()),
        started_at=started_at,
        finished_at=started_at + timedelta(seconds=seconds),
        seconds=seconds,
        built=built,
        success=built and error is None and failed == 0,
        loads=loads,
        models=len(models),
        tests=tests,
        failed_tests=failed,
        error=error,
        commands=tuple(_command(artifact) for artifact in artifacts),
    )


def _command(artifact: Mapping[str, Any]) -> dict[str, Any]:
    bad = [r for r in artifact["results"] if r["status"] not in _GOOD]
    return {
        "command": f"dbt {artifact.get('args', {}).get('which', '')}".strip(),
        "returncode": 1 if bad else 0,
        "stdout": "",
        "stderr": "\n".join(f"{r['unique_id']}: {r.get('message') or r['status']}" for r in bad)[:10_000],
        "success": not bad,
        "seconds": round(float(artifact.get("elapsed_time", 0.0)), 3),
    }


def _outcome(result: Mapping[str, Any], node: Mapping[str, Any]) -> NodeOutcome:
    unique_id = str(result["unique_id"])
    kind, _, rest = unique_id.partition(".")
    name = str(node.get("name") or rest.split(".")[1])
    config = node.get("config", {})
    attached = str(node.get("attached_node") or "").rpartition(".")[2]
    if kind == "test" and not attached:  # a test of several models says of which one it is
        attached = str(config.get("meta", {}).get("dagster", {}).get("ref", {}).get("name", ""))
    return NodeOutcome(
        name=name,
        kind=kind,
        model=name if kind == "model" else attached,
        severity=str(config.get("severity", "")).lower() if kind == "test" else "",
        status=str(result["status"]),
        seconds=float(result.get("execution_time") or 0.0),
        failures=result.get("failures") if kind == "test" else None,
        message=str(result.get("message") or "")[:1000],
    )
