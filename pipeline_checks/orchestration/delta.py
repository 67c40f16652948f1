"""Delta stages through dagster-deltalake, which gives the Dagster side its Delta tables."""

from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.lake import storage_options
from pipeline_checks.model.position import VersionPosition
from pipeline_checks.model.result import StageResult
from pipeline_checks.model.stage import StageDeclaration

if TYPE_CHECKING:
    from dagster_deltalake import DeltaTableResource


def delta_table_resource(uri: str, version: int | None = None) -> "DeltaTableResource":
    """Return the resource of a Delta table at a version, the newest when None, with the settings of its store."""
    from dagster_deltalake import DeltaTableResource, LocalConfig, S3Config
    from dagster_deltalake.config import ClientConfig

    options = storage_options(uri)
    if not options:
        return DeltaTableResource(url=uri, storage_options=LocalConfig(), version=version)
    known: dict[str, Any] = {_field(option): value for option, value in options.items()}
    settings = {name: value for name, value in known.items() if name in S3Config.model_fields}
    client = ClientConfig(allow_http=True) if known.get("allow_http") == "true" else None
    return DeltaTableResource(url=uri, storage_options=S3Config(**settings), client_options=client, version=version)


def delta_metadata(stage: StageDeclaration, result: StageResult) -> dict[str, Any]:
    """Return what the table itself tells at the position that was settled: where it is, its files, its properties."""
    if stage.kind != "delta_table" or not isinstance(result.position, VersionPosition):
        return {}
    uri: str = stage.uri()  # type: ignore[attr-defined]
    try:
        table = delta_table_resource(uri, result.position.version).load()
        known = table.metadata()
        return {
            "dagster/uri": uri,
            "delta_version": table.version(),
            "delta_files": len(table.file_uris()),
            "delta_partition_columns": ", ".join(known.partition_columns),
            "delta_properties": dict(known.configuration),
        }
    except Exception as problem:  # what decorates a settled stage must not unsettle it; the checks read for themselves
        return {"dagster/uri": uri, "delta_problem": f"{type(problem).__name__}: {problem}"[:500]}


def _field(option: str) -> str:
    return option.lower().removeprefix("aws_").replace("endpoint_url", "endpoint")
