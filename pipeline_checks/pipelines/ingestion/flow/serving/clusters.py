"""Clusters: those of the settings, and whether they answer."""

from typing import Annotated

from fastapi import APIRouter, Depends

from pipeline_checks.clients.spark_connect import probe_server
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.pipelines.ingestion.flow.serving.context import Context, printable, refusing
from pipeline_checks.pipelines.ingestion.flow.serving.errors import not_found
from pipeline_checks.pipelines.ingestion.flow.serving.responses import ClusterInfo, ClusterTested
from pipeline_checks.pipelines.ingestion.flow.settings import Cluster, Identity


def cluster_routes(context: Context) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["clusters"])
    Caller = Annotated[Identity, Depends(context.caller)]  # noqa: N806 - a type

    def told(cluster_id: str, cluster: Cluster) -> ClusterInfo:
        rate = context.settings.cost_per_dbu_hour if cluster.rate is None else cluster.rate
        return ClusterInfo(
            id=cluster_id,
            name=cluster.name,
            spark_connect_url=cluster.spark_connect_url,
            status="available" if answers(cluster) else "unavailable",
            workers=cluster.workers,
            dbus_per_worker=cluster.dbus_per_worker,
            rate=rate,
        )

    def known(cluster_id: str) -> Cluster:
        cluster = context.settings.clusters.get(cluster_id)
        if cluster is None:
            raise not_found("Cluster", printable(cluster_id))
        return cluster

    @routes.get("/clusters")
    def listed(caller: Caller) -> list[ClusterInfo]:
        return [told(cluster_id, cluster) for cluster_id, cluster in context.settings.clusters.items()]

    @routes.get("/clusters/{cluster_id}")
    def get(cluster_id: str, caller: Caller) -> ClusterInfo:
        return told(cluster_id, known(cluster_id))

    @routes.post("/clusters/{cluster_id}/test-connection")
    def test_connection(cluster_id: str, caller: Caller) -> ClusterTested:
        known(cluster_id)
        with refusing(), context.engines.of(cluster_id) as engine:
            seen = engine.probe()
        return ClusterTested(
            cluster_id=cluster_id,
            spark_version=seen.spark_version,
            available_memory_gb=round(seen.available_memory_gb, 2),
        )

    return routes


def answers(cluster: Cluster) -> bool:
    """Whether the cluster's server is there."""
    try:
        probe_server(cluster.spark_connect_url)
    except PipelineChecksError:
        return False
    return True
