"""model: the file of a model is the one that its sidecar describes, and can be used with what is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_checks.checks.judging import NothingToConfigure, conclude, promise_of, summary_of
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.kinds import MODEL_KINDS
from pipeline_checks.model.measure import Facts, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

MODEL = Facts("model")
_OURS = frozenset({"scikit-learn", "numpy", "joblib"})
"""Libraries with which a model must have been made in the version that is installed."""


class ModelCheck:
    """A model against its sidecar."""

    kind = "model"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every model."""
        return stage.kind in MODEL_KINDS

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the sidecar is the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return what file and sidecar tell."""
        return frozenset({MODEL})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding for what file, sidecar and libraries do not agree in."""
        facts: Mapping[str, Any] = evidence[MODEL]
        findings = tuple(_findings(evidence, facts))
        sidecar = facts["sidecar"] or {}
        message = f"{sidecar.get('model_version')}, trained on {sidecar.get('training_rows')} rows"
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            {"models": 1},
            findings=findings,
            measures={"model_version": sidecar.get("model_version"), **dict(sidecar.get("metrics") or {})},
        )


def _findings(evidence: Evidence, facts: Mapping[str, Any]) -> Iterator[Finding]:
    sidecar: Mapping[str, Any] | None = facts["sidecar"]
    if sidecar is None:
        yield _finding(evidence, "missing", "sidecar", "no sidecar describes the model", "a sidecar", None)
        return
    if sidecar["sha256"] != facts["sha256"]:
        message = "the file is not the one that its sidecar describes"
        yield _finding(evidence, "changed", "sha256", message, sidecar["sha256"], facts["sha256"])
    if not str(sidecar["model_version"]).endswith(str(sidecar["sha256"])[:12]):
        message = f"the version {sidecar['model_version']} does not end in the first digits of its SHA-256"
        yield _finding(evidence, "changed", "model_version", message, sidecar["sha256"][:12], sidecar["model_version"])
    for name in sorted(_OURS):
        made, here = sidecar["libraries"].get(name), facts["libraries"].get(name)
        if made != here:
            message = f"it was made with {name} {made}, {here} is installed"
            yield _finding(evidence, "changed", f"library:{name}", message, made, here)


def _finding(evidence: Evidence, kind: Any, detail: str, message: str, expected: Any, seen: Any) -> Finding:
    return Finding(
        kind, evidence.stage.name, message, position=evidence.position, detail=detail, expected=expected, seen=seen
    )


CHECK = ModelCheck()
