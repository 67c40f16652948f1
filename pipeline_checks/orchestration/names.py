"""How things are called in Dagster: several pipelines live in one code location, so each name says whose it is."""

import dagster as dg

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration

ICONS = {
    "postgres_table": {"postgres", "table"},
    "kafka_topic": {"kafka"},
    "debezium_topic": {"kafka", "debezium"},
    "delta_table": {"deltalake", "table"},
    "iceberg_table": {"iceberg", "table"},
    "files": {"file"},
    "feed_ledger": {"api"},
    "http_api": {"api"},
    "consumer_group": {"kafka"},
    "model_file": {"scikitlearn"},
    "service": {"service"},
    "warehouse_table": {"postgres", "table"},
    "dbt_model": {"dbt", "postgres"},
    "s3_files": {"s3", "file"},
    "load_ledger": {"postgres", "table"},
    "load_api": {"api"},
}
"""Kind of stage to the kinds by which the UI chooses icons."""


def asset_key(pipeline: str, stage: str) -> dg.AssetKey:
    """Return the key of a stage's asset: ``[pipeline, stage]``."""
    return dg.AssetKey([pipeline, stage])


def settle_op(pipeline: str, stage: str) -> str:
    """Return the name of the op that settles a stage."""
    return f"settle__{pipeline}__{stage}"


def check_op(pipeline: str, stage: str) -> str:
    """Return the name of the op that evaluates all checks of a stage."""
    return f"check__{pipeline}__{stage}"


def session_resource(pipeline: str) -> str:
    """Return the key of the resource that holds a run's verification session of a pipeline."""
    return f"{pipeline}_verification"


def icons(stage: StageDeclaration) -> set[str]:
    """Return the kinds that the UI shows for a stage, at most three."""
    return ICONS.get(stage.kind, {stage.kind})


def keys_of(pipeline: Pipeline) -> list[dg.AssetKey]:
    """Return the asset keys of all stages."""
    return [asset_key(pipeline.name, stage.name) for stage in pipeline.stages]
