"""What can be configured, with defaults and limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Share = float
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TestData(_Section):
    """Sizes of generated data sets, in rows."""

    __test__ = False
    small_dataset_size: int = Field(100, ge=1)
    medium_dataset_size: int = Field(1000, ge=1)
    large_dataset_size: int = Field(10_000, ge=1)
    performance_dataset_size: int = Field(100_000, ge=1)
    date_range_days: int = Field(30, ge=1)
    num_regions: int = Field(5, ge=1)
    num_categories: int = Field(5, ge=1, le=5)
    num_products_per_category: int = Field(100, ge=1, le=13_500)
    input_directory: str = ""
    output_directory: str = ""
    artifacts_directory: str = "artifacts"

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if not self.small_dataset_size < self.medium_dataset_size < self.large_dataset_size:
            raise ValueError("small_dataset_size < medium_dataset_size < large_dataset_size must hold")
        return self


class Infrastructure(_Section):
    """Ports and names of services of one's own; the stack chooses where it is not told."""

    kafka_container_name: str = "test-kafka"
    postgres_container_name: str = "test-postgres"
    minio_container_name: str = "test-minio"
    network_name: str = "sales-test-network"
    kafka_port: int = Field(29092, ge=1, le=65_535)
    postgres_port: int = Field(15432, ge=1, le=65_535)
    minio_port: int = Field(19000, ge=1, le=65_535)
    test_db_name: str = "sales"
    test_db_user: str = "postgres"
    test_db_password: str = Field("", repr=False)
    test_bucket_name: str = "test-sales-data"
    processed_bucket_name: str = "test-processed-sales"
    cleanup_containers_on_success: bool = True

    @model_validator(mode="after")
    def _differ(self) -> Self:
        ports = (self.kafka_port, self.postgres_port, self.minio_port)
        if len(set(ports)) < len(ports):
            raise ValueError("kafka_port, postgres_port and minio_port must differ")
        return self


class PipelineStages(_Section):
    """Limits of the stages: times in seconds, throughput in records a second, shares of 0 to 1."""

    kafka_producer_timeout: float = Field(60, gt=0)
    spark_job_timeout: float = Field(300, gt=0)
    dbt_run_timeout: float = Field(180, gt=0)
    data_validation_timeout: float = Field(120, gt=0)
    min_data_quality_score: Share = Field(0.8, ge=0, le=1)
    max_null_percentage: Share = Field(0.05, ge=0, le=1)
    max_duplicate_percentage: Share = Field(0.01, ge=0, le=1)
    min_kafka_throughput: float = Field(100, ge=0)
    min_spark_throughput: float = Field(1000, ge=0)
    min_dbt_throughput: float = Field(500, ge=0)


class TestEnvironment(_Section):
    """How tests are run, and what is left of them."""

    __test__ = False
    test_env_vars: dict[str, str] = {}
    parallel_test_workers: int = Field(4, ge=1)
    test_retry_attempts: int = Field(3, ge=0)
    test_retry_delay: float = Field(5, ge=0)
    cleanup_containers_on_success: bool = True
    cleanup_containers_on_failure: bool = False
    preserve_test_data: bool = False
    log_level: str = "INFO"

    @field_validator("log_level")
    @classmethod
    def _known(cls, value: str) -> str:
        if value.upper() not in _LEVELS:
            raise ValueError(f"must be one of {', '.join(_LEVELS)}")
        return value.upper()


class Flow(_Section):
    """How the flow reads and judges.

    Parameters
    ----------
    date_format:
        Of order and ship dates, as Spark writes formats.
    on_malformed:
        ``fail`` sends nothing of a file with a record that cannot be read; ``quarantine`` rejects only that record.
    sales_threshold:
        Sales above it are flagged as outliers; they are neither capped nor rejected.
    max_text_length:
        Characters of a text; a longer one makes its record ``malformed_record``.
    batch_records:
        Most messages of one batch of the ETL.
    """

    date_format: str = Field("MM/dd/yyyy", pattern="^[yMd/.-]+$")
    encoding: str = "utf-8"
    on_malformed: Literal["fail", "quarantine"] = "fail"
    sales_threshold: Decimal = Field(Decimal(10_000), ge=0)
    max_text_length: int = Field(255, ge=1)
    batch_records: int = Field(50_000, ge=1)


class Configuration(_Section):
    """The whole configuration."""

    test_data: TestData = TestData()
    infrastructure: Infrastructure = Infrastructure()
    pipeline_stages: PipelineStages = PipelineStages()
    test_environment: TestEnvironment = TestEnvironment()
    flow: Flow = Flow()


ENVIRONMENT: Final[dict[str, tuple[str, str]]] = {
    "E2E_SMALL_DATASET_SIZE": ("test_data", "small_dataset_size"),
    "E2E_MEDIUM_DATASET_SIZE": ("test_data", "medium_dataset_size"),
    "E2E_LARGE_DATASET_SIZE": ("test_data", "large_dataset_size"),
    "E2E_KAFKA_PORT": ("infrastructure", "kafka_port"),
    "E2E_POSTGRES_PORT": ("infrastructure", "postgres_port"),
    "E2E_LOG_LEVEL": ("test_environment", "log_level"),
    "E2E_CLEANUP_ON_FAILURE": ("test_environment", "cleanup_containers_on_failure"),
    "E2E_CLEANUP_ON_SUCCESS": ("test_environment", "cleanup_containers_on_success"),
    "E2E_PRESERVE_TEST_DATA": ("test_environment", "preserve_test_data"),
    "SALES_THRESHOLD": ("flow", "sales_threshold"),
}
"""Variables of the environment and what they set."""
Document = dict[str, Any]
