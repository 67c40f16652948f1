"""What an ingestion would see and cost, before it is made; nothing is saved."""

from typing import Annotated

from fastapi import APIRouter, Depends

from pipeline_checks.clients.spark_connect import probe_server
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.pipelines.ingestion.flow.cost import ASSUMED, BYTES_PER_GB, Prices, Volume, monthly_cost
from pipeline_checks.pipelines.ingestion.flow.engine.listing import client, list_files, split_path
from pipeline_checks.pipelines.ingestion.flow.engine.model import Source
from pipeline_checks.pipelines.ingestion.flow.jobs import columns_to, format_of, source_of
from pipeline_checks.pipelines.ingestion.flow.serving import declared
from pipeline_checks.pipelines.ingestion.flow.serving.context import Context, refusing
from pipeline_checks.pipelines.ingestion.flow.serving.errors import ApiError
from pipeline_checks.pipelines.ingestion.flow.serving.requests import IngestionCreate
from pipeline_checks.pipelines.ingestion.flow.serving.responses import CostBreakdown, CostDetails, PreviewResponse
from pipeline_checks.pipelines.ingestion.flow.settings import Cluster, Identity

_SAMPLES = 5


def preview_routes(context: Context) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["previews"])
    Caller = Annotated[Identity, Depends(context.caller)]  # noqa: N806 - a type

    @routes.post("/ingestions/test")
    def test(wanted: IngestionCreate, caller: Caller) -> PreviewResponse:
        settings = context.settings
        declared.refuse_unknown_places(wanted, settings)
        row = declared.to_row(wanted, caller, settings, context.vault, context.now())
        source = source_of(row, context.vault, settings)
        with refusing():
            _refuse_closed_bucket(source)
            with context.engines.of(row.cluster_id) as engine:
                seen = engine.preview(
                    source, format_of(row), files=settings.max_preview_files, rows=settings.max_preview_rows
                )
        return PreviewResponse.model_validate(
            {
                "schema": columns_to(seen.columns),
                "sample_data": seen.sample[:_SAMPLES],
                "file_count": seen.file_count,
                "estimated_records": seen.estimated_records,
            }
        )

    @routes.post("/ingestions/estimate-cost")
    def estimate(wanted: IngestionCreate, caller: Caller) -> CostBreakdown:
        declared.refuse_unknown_places(wanted, context.settings)
        row = declared.to_row(wanted, caller, context.settings, context.vault, context.now())
        cluster = context.settings.clusters[wanted.cluster_id]
        volume = _volume(source_of(row, context.vault, context.settings), cluster)
        prices = context.prices
        if cluster.rate is not None:
            prices = Prices(cluster.rate, prices.gb_month, prices.list_1000)
        cost = monthly_cost(volume, row.format_type, row.schedule_frequency, prices)
        return CostBreakdown(
            compute_per_run=cost.compute_per_run,
            compute_monthly=cost.compute_monthly,
            storage_monthly=cost.storage_monthly,
            discovery_monthly=cost.discovery_monthly,
            total_monthly=cost.total_monthly,
            breakdown_details=CostDetails(
                estimated_file_count=volume.files,
                estimated_total_size_gb=volume.size_gb,
                estimated_duration_minutes=cost.duration_minutes,
                runs_per_month=cost.runs_per_month,
                cluster_dbus=volume.dbus,
                measured=volume.measured,
            ),
        )

    return routes


def _volume(source: Source, cluster: Cluster) -> Volume:
    """Return what there is to load, as it is where source and cluster answer, otherwise as it is assumed to be."""
    try:
        probe_server(cluster.spark_connect_url)
        files = list_files(source)
    except PipelineChecksError:
        return ASSUMED
    return Volume(len(files), sum(f.size for f in files) / BYTES_PER_GB, cluster.dbus, measured=True)


def _refuse_closed_bucket(source: Source) -> None:
    """Refuse a bucket that is not there or not open to these keys: that is for the caller to mend, not for us."""
    bucket, _ = split_path(source.path)
    try:
        client(source.store).head_bucket(Bucket=bucket)
    except Exception as problem:  # errors of boto3, and of its transport, share no root
        answer = getattr(problem, "response", {}).get("ResponseMetadata", {})
        if 400 <= answer.get("HTTPStatusCode", 0) < 500:
            raise ApiError(
                422,
                "SOURCE_UNAVAILABLE",
                f"the bucket {bucket} is not there, or not open to these credentials",
                help="Correct source.path or source.credentials.",
            ) from None
        raise ApiError(502, "SOURCE_UNAVAILABLE", f"the store of s3://{bucket} does not answer") from None
