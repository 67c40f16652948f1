"""topic_settings: a topic has the partitions, replicas and settings that it was declared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from pipeline_checks.checks.applicability import is_topic
from pipeline_checks.checks.judging import conclude, counted, promise_of, summary_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Facts, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

TOPIC = Facts("topic")
Setting = str | int | bool


class TopicSettingsConfiguration(CheckConfiguration):
    """``topic_settings: {partitions: 3, replication_factor: 1, config: {retention.ms: 604800000}}``.

    ``config``: settings by Kafka's names: ``cleanup.policy``, ``retention.ms``, ``segment.ms``, ...; those that are not
    named may be as they are.
    """

    partitions: Annotated[int, Field(strict=True, ge=1)] | None = None
    replication_factor: Annotated[int, Field(strict=True, ge=1)] | None = None
    config: dict[str, Setting] = Field(default_factory=dict)


class TopicSettingsCheck:
    """The topic as the brokers have it against what is declared."""

    kind = "topic_settings"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Topics whose contract promises it."""
        return is_topic(stage) and bool(stage.contract.promises.get(self.kind))

    def configure(self, stage: StageDeclaration) -> TopicSettingsConfiguration:
        """Return what is declared."""
        return promise_of(stage, self.kind, TopicSettingsConfiguration)

    def measures(self, stage: StageDeclaration, configuration: TopicSettingsConfiguration) -> frozenset[Measure]:
        """Return what the brokers tell of the topic."""
        return frozenset({TOPIC})

    def judge(self, configuration: TopicSettingsConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding each setting that is another."""
        found: Mapping[str, Any] = evidence[TOPIC]
        declared = dict(_declared(configuration))
        findings = tuple(_deviations(evidence, declared, found))
        message = f"{counted(len(declared), 'setting')} as declared"
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            {"settings": len(declared)},
            findings=findings,
            measures={"settings": len(declared), "deviations": len(findings)},
        )


def _declared(configuration: TopicSettingsConfiguration) -> Iterator[tuple[str, Setting]]:
    for name in ("partitions", "replication_factor"):
        value = getattr(configuration, name)
        if value is not None:
            yield name, value
    yield from configuration.config.items()


def _deviations(evidence: Evidence, declared: Mapping[str, Setting], found: Mapping[str, Any]) -> Iterator[Finding]:
    for name, wanted in declared.items():
        seen = found.get(name)
        if _text(seen) == _text(wanted):
            continue
        yield Finding(
            "unexpected",
            evidence.stage.name,
            f"{name} of {evidence.stage.name} is {_text(seen) or 'not told'}, {_text(wanted)} is declared",
            position=evidence.position,
            detail=f"config:{name}",
            expected=wanted,
            seen=seen,
        )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


CHECK = TopicSettingsCheck()
