"""Damages of the change logs in both lakes: one row a record of the topic."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.faults import catalogue as faults
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.cdc.scenarios.current import scenario
from pipeline_checks.pipelines.cdc.scenarios.words import counted, doubled, foreign, reconciled


def change_logs() -> Iterator[Scenario]:
    """Yield the scenarios."""
    for stage in ("delta_orders_changes", "iceberg_customers_changes"):
        yield scenario(faults.LOST_ROWS, stage, lambda i: [*counted("missing", i), *foreign(i)])
    for stage in ("delta_customers_changes", "iceberg_orders_changes"):
        yield scenario(faults.LOST_IN_BATCH, stage, lambda i: counted("missing", i))
    for stage in ("delta_products_changes", "iceberg_inventory_changes"):
        yield scenario(faults.DOUBLED_ROWS, stage, lambda i: [*doubled(i), *foreign(i)])
    for stage in ("delta_order_items_changes", "iceberg_products_changes"):
        yield scenario(faults.CENT_OFF, stage, lambda i: [*reconciled("changed", i), *foreign(i)])
    for stage in ("delta_inventory_changes", "iceberg_order_items_changes"):
        yield scenario(faults.HOUR_OFF, stage, lambda i: [*reconciled("changed", i), *foreign(i)])
    for stage in ("delta_order_items_changes", "iceberg_inventory_changes"):
        yield scenario(faults.WRONG_OPERATION, stage, lambda i: [*reconciled("changed", i), *foreign(i)])
    for stage in ("delta_schema_evolution_test_changes", "iceberg_schema_evolution_test_changes"):
        yield scenario(faults.UNKNOWN_ROW, stage, lambda i: [*counted("unexpected", i), *foreign(i)])
