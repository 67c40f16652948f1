"""What callers send. A field that is not known is refused: it would otherwise be ignored in silence."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from pipeline_checks.model.clock import now
from pipeline_checks.pipelines.ingestion.flow.schedule import FREQUENCIES, Schedule, problem_of
from pipeline_checks.pipelines.ingestion.flow.serving.texts import Identifier, Name, OneCharacter, SourcePath, Text

_ONLY_APPEND = "only append is supported; to load a table anew, use /refresh/full or /refresh/new-only"
_FIRST_YEAR, _LAST_YEAR = 1971, 9000
_UNBUILT_SOURCES = ("azure_blob", "gcs")


class Request(BaseModel):
    """What all parts of a request share."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def _known_source(value: Any) -> Any:
    if value in _UNBUILT_SOURCES:
        raise ValueError(f"{value} is not built yet; s3 is")
    return value


def _append(value: Any) -> Any:
    if value != "append":
        raise ValueError(_ONLY_APPEND)
    return value


def _not_enabled(value: bool) -> bool:
    if value:
        raise ValueError("z-ordering is not built yet; leave it out")
    return value


class Credentials(Request):
    """Keys of the source; they are stored encrypted and never returned."""

    aws_access_key_id: Text
    aws_secret_access_key: SecretStr = Field(min_length=1, max_length=2_000)
    endpoint_url: Text | None = None
    endpoint: Text | None = Field(default=None, description="The same as endpoint_url.")
    aws_region: Text = "us-east-1"

    @model_validator(mode="after")
    def _one_endpoint(self) -> Self:
        if self.endpoint and self.endpoint_url and self.endpoint != self.endpoint_url:
            raise ValueError("endpoint and endpoint_url say different things")
        if "\x00" in self.aws_secret_access_key.get_secret_value():
            raise ValueError("the secret key must not hold the character NUL")
        return self

    def to_store(self) -> dict[str, str]:
        """Return what is encrypted and stored."""
        return {
            "access_key": self.aws_access_key_id,
            "secret_key": self.aws_secret_access_key.get_secret_value(),
            "endpoint": self.endpoint_url or self.endpoint or "",
            "region": self.aws_region,
        }


class SourceRequest(Request):
    """Where files arrive."""

    type: Annotated[Literal["s3"], BeforeValidator(_known_source)]
    path: SourcePath
    file_pattern: Text | None = Field(default=None, description="A glob on the key below the prefix.")
    credentials: Credentials | None = None
    on_change: Literal["report", "append", "replace"] = "report"


class FormatOptions(Request):
    """How files are written; only what is set is handed to the reader."""

    multiline: bool | None = None
    compression: Literal["none", "gzip", "bzip2", "deflate", "snappy", "lz4", "zstd"] | None = None
    header: bool | None = None
    delimiter: OneCharacter | None = None
    quote: OneCharacter | None = None


class ColumnRequest(Request):
    """One column of a schema that is given by hand, with Spark's name of its type."""

    name: Name
    data_type: Text
    nullable: bool = True

    @field_validator("data_type")
    @classmethod
    def _is_a_type(cls, text: str) -> str:
        from pipeline_checks.pipelines.ingestion.flow.engine.type_names import parse_type

        try:
            parse_type(text)
        except RecursionError:
            raise ValueError("the type is nested too deeply") from None
        return text


class SchemaRequest(Request):
    """Whether columns are found in the files or given, and whether the table may change."""

    inference: Literal["auto", "manual"] = "auto"
    evolution_enabled: bool = True
    columns: list[ColumnRequest] | None = Field(default=None, min_length=1, max_length=2_000, alias="schema_json")

    @model_validator(mode="after")
    def _manual_has_columns(self) -> Self:
        if self.inference == "manual" and self.columns is None:
            raise ValueError("inference manual needs schema_json, a list of {name, data_type, nullable}")
        if self.inference == "auto" and self.columns is not None:
            raise ValueError("schema_json is read with inference manual only")
        return self


class FormatRequest(Request):
    """The format of the files."""

    type: Literal["json", "csv", "parquet", "avro", "orc"]
    options: FormatOptions = FormatOptions()
    schema_: SchemaRequest = Field(default=SchemaRequest(), alias="schema")
    bad_records: Literal["fail_file", "quarantine"] = "fail_file"


class PartitioningRequest(Request):
    """Columns that the table is partitioned by when it is created."""

    enabled: bool = False
    columns: list[Name] = Field(default=[], max_length=100)

    @model_validator(mode="after")
    def _names_columns(self) -> Self:
        if self.enabled and not self.columns:
            raise ValueError("partitioning needs columns")
        return self


class OptimizationRequest(Request):
    """How the table is laid out."""

    z_ordering_enabled: Annotated[bool, AfterValidator(_not_enabled)] = False
    z_ordering_columns: list[Name] = Field(default=[], max_length=100)


class DestinationRequest(Request):
    """The table that is loaded into."""

    catalog: Identifier
    database: Identifier
    table: Identifier
    write_mode: Annotated[Literal["append"], BeforeValidator(_append)] = "append"
    partitioning: PartitioningRequest = PartitioningRequest()
    optimization: OptimizationRequest = OptimizationRequest()


class BackfillRequest(Request):
    """From when on files count."""

    enabled: bool = False
    start_date: datetime | None = Field(
        default=None, description="Files modified before are left out. Without an offset: in the schedule's zone."
    )


class ScheduleRequest(Request):
    """When the ingestion runs by itself; by no frequency never."""

    frequency: Text | None = Field(default=None, description=", ".join(FREQUENCIES))
    time: Text | None = Field(default=None, description="HH:MM")
    timezone: Text = "UTC"
    cron_expression: Text | None = None
    backfill: BackfillRequest = BackfillRequest()

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        problem = problem_of(self.schedule, now())
        if problem is not None:
            raise ValueError(problem)
        start = self.backfill.start_date
        if self.backfill.enabled and start is None:
            raise ValueError("backfill needs start_date")
        if start is not None and not _FIRST_YEAR <= start.year <= _LAST_YEAR:
            raise ValueError(f"start_date must lie between the years {_FIRST_YEAR} and {_LAST_YEAR}")
        if start is not None and start.tzinfo is None:
            self.backfill = BackfillRequest(
                enabled=self.backfill.enabled, start_date=start.replace(tzinfo=ZoneInfo(self.timezone))
            )
        return self

    @property
    def schedule(self) -> Schedule:
        """The schedule as it is computed with."""
        return Schedule(self.frequency, self.time, self.timezone, self.cron_expression)


class QualityRequest(Request):
    """What is watched over, and who is told."""

    row_count_threshold: int | None = Field(default=None, ge=0, le=2**63 - 1)
    alerts_enabled: bool = True
    alert_recipients: list[Text] = Field(default=[], max_length=100)


class IngestionCreate(Request):
    """An ingestion: from where, in which format, into which table, when."""

    name: Name
    cluster_id: Name
    source: SourceRequest
    format: FormatRequest
    destination: DestinationRequest
    schedule: ScheduleRequest
    quality: QualityRequest = QualityRequest()


class ScheduleUpdate(Request):
    """Fields of the schedule that change; those left out stay."""

    frequency: Text | None = None
    time: Text | None = None
    timezone: Text | None = None
    cron_expression: Text | None = None
    backfill: BackfillRequest | None = None


class QualityUpdate(Request):
    """Fields of the quality that change; those left out stay."""

    row_count_threshold: int | None = Field(default=None, ge=0, le=2**63 - 1)
    alerts_enabled: bool | None = None
    alert_recipients: list[Text] | None = Field(default=None, max_length=100)


class IngestionUpdate(Request):
    """What may change of an ingestion; source, destination and format may not."""

    status: Literal["active", "paused"] | None = None
    schedule: ScheduleUpdate | None = None
    quality: QualityUpdate | None = None
    alert_recipients: list[Text] | None = Field(default=None, max_length=100)


class RunRequest(Request):
    """What began a run."""

    trigger: Literal["manual", "scheduled"] = "manual"


class RefreshRequest(Request):
    """A refresh: ``confirm`` must be true unless it is a dry run."""

    confirm: bool = False
    auto_run: bool = True
    dry_run: bool = False
