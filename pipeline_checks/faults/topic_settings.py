"""A topic gets another setting than it was declared with."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_checks.clients import kafka
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.topic_records import TopicRecords
from pipeline_checks.stages.topic_log import TopicLog


@dataclass(frozen=True)
class OtherSetting:
    """One setting of a topic is changed by someone."""

    name: str
    description: str
    setting: str
    value: str

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a topic whose settings are declared."""
        return target.is_stage and "topic_settings" in target.stage.contract.promises

    def plan(self, target: Target) -> Injury:
        """Return the setting as it is."""
        records = TopicRecords(target.stage)
        log = TopicLog(records.bootstrap, records.topic)
        before = log.configuration().get(self.setting)
        what = f"{self.description} ({target.name}, {self.setting} {before} -> {self.value})"
        facts = {"setting": self.setting}
        return Injury(self.name, target.pipeline.name, target.name, what, facts=facts, undo={"value": before})

    def act(self, target: Target, injury: Injury) -> Injury:
        """Change it."""
        self._set(target, self.value)
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Change it back."""
        self._set(target, str(injury.undo["value"]))

    def _set(self, target: Target, value: str) -> None:
        from confluent_kafka.admin import (  # type: ignore[attr-defined]
            AlterConfigOpType,
            ConfigEntry,
            ConfigResource,
            ResourceType,
        )

        records = TopicRecords(target.stage)
        entry = ConfigEntry(self.setting, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, records.topic, incremental_configs=[entry])
        with kafka.translated(f"changing {self.setting} of topic {records.topic}"):
            admin = kafka.admin(records.bootstrap)
            for future in admin.incremental_alter_configs([resource]).values():
                future.result(timeout=kafka.REQUEST_TIMEOUT_SECONDS)
