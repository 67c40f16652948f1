"""The kinds of stages: one line each. A kind's module is imported when a declaration of that kind is met."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.stage import StageDeclaration, StageReader

KINDS: Final[dict[str, str]] = {
    "postgres_table": "pipeline_checks.stages.postgres:PostgresTable",
    "kafka_topic": "pipeline_checks.stages.kafka:KafkaTopic",
    "debezium_topic": "pipeline_checks.stages.debezium:DebeziumTopic",
    "delta_table": "pipeline_checks.stages.delta:DeltaTable",
    "iceberg_table": "pipeline_checks.stages.iceberg:IcebergTable",
    "http_api": "pipeline_checks.stages.http_api:HttpApi",
    "feed_ledger": "pipeline_checks.stages.feed_ledger:FeedLedger",
    "files": "pipeline_checks.stages.files:Files",
    "consumer_group": "pipeline_checks.stages.consumer_group:ConsumerGroup",
    "model_file": "pipeline_checks.stages.model_file:ModelFile",
    "service": "pipeline_checks.stages.service:Service",
    "warehouse_table": "pipeline_checks.stages.warehouse_table:WarehouseTable",
    "dbt_model": "pipeline_checks.stages.dbt_model:DbtModel",
    "s3_files": "pipeline_checks.stages.s3_files:S3Files",
    "load_ledger": "pipeline_checks.stages.load_ledger:LoadLedger",
    "load_api": "pipeline_checks.stages.load_api:LoadApi",
}
"""Kind to ``module:class`` of its declaration. The module has ``open_stage(declaration) -> StageReader`` too."""


def declaration_class(kind: str) -> type[StageDeclaration]:
    """Return the class that a stage of ``kind`` is declared with; raises ConfigurationError for an unknown kind."""
    module, name = _place(kind)
    return cast(type[StageDeclaration], getattr(import_module(module), name))


def open_stage(declaration: StageDeclaration) -> StageReader:
    """Return the stage as it can be asked. Nothing is connected to until a method is called."""
    module, _ = _place(declaration.kind)
    return cast(StageReader, import_module(module).open_stage(declaration))


def _place(kind: str) -> tuple[str, str]:
    if kind not in KINDS:
        raise ConfigurationError(
            f"there is no stage of kind {kind!r}.", next_step=f"The kinds are: {', '.join(KINDS)}.", kind=kind
        )
    module, _, name = KINDS[kind].partition(":")
    return module, name
