"""Settings of the programs: environment variables, with or without the prefix ``INGESTION_``, or a file ``.env``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import (
    AliasChoices,
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipeline_checks.model.errors import ConfigurationError

PREFIX: Final = "INGESTION_"
_OF_THE_STACK: Final = {
    *("INGESTION_API_URL", "INGESTION_API_TOKEN", "INGESTION_ENCRYPTION_KEY", "INGESTION_SPARK_CONNECT_URL"),
    *("INGESTION_SOURCE_BUCKET", "INGESTION_WAREHOUSE", "INGESTION_WORKER_METRICS_URL"),
}
"""Names of ``stack.env`` that begin alike and are meant for others."""


_ALSO_PLAIN: Final = {
    *("app_name", "app_version", "database_url", "checkpoint_base_path", "max_preview_files", "max_preview_rows"),
    *("spark_session_pool_size", "spark_session_idle_timeout"),
    *("cost_per_dbu_hour", "storage_cost_per_gb", "list_operation_cost_per_1000", "scheduler_check_interval"),
}
"""Settings that are also read without the prefix, which goes before."""


def _names(field: str) -> AliasChoices:
    prefixed = f"{PREFIX}{field.upper()}"
    return AliasChoices(prefixed, field.upper()) if field in _ALSO_PLAIN else AliasChoices(prefixed)


class Identity(BaseModel):
    """Whom a token stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    tenant_id: str = Field(min_length=1)
    user_id: str = Field(min_length=1)


class Cluster(BaseModel):
    """A Spark that runs may use; ``rate`` is USD for an hour of one DBU, the general one when not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1)
    spark_connect_url: str = Field(pattern=r"^sc://[^\s]+$")
    workers: int = Field(default=4, ge=1)
    dbus_per_worker: float = Field(default=16, gt=0)
    rate: float | None = Field(default=None, ge=0)
    warehouses: dict[str, str] = Field(min_length=1)
    """Catalogue to where its tables lie (``s3a://bucket/path``), as the cluster has them configured."""

    @property
    def dbus(self) -> float:
        """What all its workers take in an hour."""
        return self.workers * self.dbus_per_worker


class Settings(BaseSettings):
    """What the API and the worker are told; every one is read, times in seconds, prices in USD."""

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        frozen=True,
        case_sensitive=False,
        populate_by_name=True,
        hide_input_in_errors=True,
        alias_generator=AliasGenerator(validation_alias=_names),
    )
    app_name: str = "Ingestion"
    app_version: str = "1.0.0"
    database_url: SecretStr
    tokens: dict[str, Identity] = {}
    """Token to whom it stands for."""
    encryption_keys: Annotated[list[SecretStr], NoDecode] = Field(default=[], validate_default=True)
    """Fernet keys, the newest first: it encrypts, the others still read."""
    clusters: dict[str, Cluster] = {}
    s3_endpoint: str = ""
    """Of sources that name none; AWS when empty."""
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_region: str = "us-east-1"
    allowed_endpoints: list[str] = []
    """Endpoints that the credentials of an ingestion may name, besides AWS and the one above."""
    buckets: list[str] = []
    """Made when they are missing."""
    checkpoint_base_path: str = "s3://checkpoints/"
    max_preview_files: int = Field(default=10, ge=1, le=1000)
    max_preview_rows: int = Field(default=100, ge=1, le=10_000)
    cost_per_dbu_hour: float = Field(default=0.40, ge=0)
    storage_cost_per_gb: float = Field(default=0.023, ge=0)
    list_operation_cost_per_1000: float = Field(default=0.005, ge=0)
    spark_session_pool_size: int = Field(default=10, ge=1, le=100)
    """For each cluster."""
    spark_session_idle_timeout: float = Field(default=1800, gt=0)
    scheduler_check_interval: float = Field(default=60, gt=0, le=3600)
    lease_seconds: float = Field(default=30, ge=1, le=3600)
    port: int = Field(default=8000, ge=0, le=65_535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("encryption_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Read keys that stand side by side, separated by commas."""
        return [k.strip() for k in value.split(",") if k.strip()] if isinstance(value, str) else value


def refuse_unknown(names: Iterable[str] | None = None) -> None:
    """Refuse variables with our prefix that nothing reads: a mistyped one would otherwise be a default in silence.

    Raises ConfigurationError naming them.
    """
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = {n for n in (os.environ if names is None else names) if n.upper().startswith(PREFIX)}
    unknown = sorted(n for n in given if n.upper() not in known | _OF_THE_STACK)
    if unknown:
        raise ConfigurationError(
            f"the environment sets {', '.join(unknown)}, which nothing reads.",
            next_step=f"Correct or remove it; known are {', '.join(sorted(known))}.",
            variables=unknown,
        )


def load() -> Settings:
    """Return the settings; raises ConfigurationError naming each variable that is wrong or missing."""
    refuse_unknown()
    try:
        return Settings()
    except ValidationError as problem:
        told = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}"
            for e in problem.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"the settings cannot be used: {told}.", next_step="Correct them.") from None
