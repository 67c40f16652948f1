"""What each stage took for the rows of some runs, from what the stages themselves wrote down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.pipelines.sales.artifacts.reports import rate

_SPARK: Final = """
SELECT count(*), extract(epoch FROM max(processing_timestamp) - min(ingestion_timestamp))::float
FROM raw.sales_batch_raw WHERE run_id = ANY(%s)
"""
_DBT: Final = """
SELECT seconds::float, success, commands FROM marts.dbt_runs
WHERE load_id >= (SELECT coalesce(max(load_id), 0) FROM raw.loads) AND built ORDER BY started_at LIMIT 1
"""
_ARRIVED: Final = """
SELECT count(*) FROM marts.fact_sales AS facts
JOIN raw.sales_batch_raw AS raw
    ON facts.source_system = raw.source_system AND facts.order_id = upper(trim(raw.order_id))
    AND facts.product_id = upper(trim(raw.product_id))
WHERE raw.run_id = ANY(%s)
"""


@dataclass(frozen=True)
class Sent:
    """What was sent; ``seconds`` are those from the first message's time in the topic to the last one's."""

    messages: int
    seconds: float

    @classmethod
    def of(cls, messages: Sequence[Mapping[str, Any]]) -> Sent:
        """Return it of messages as they were consumed."""
        times = [datetime.fromisoformat(m["timestamp"]) for m in messages]
        return cls(len(times), (max(times) - min(times)).total_seconds() if times else 0.0)


def performance_metrics(
    warehouse: str,
    run_ids: Sequence[str],
    sent: Sent,
    rejected: int,
    total_seconds: float,
    monitoring: dict[str, Any],
) -> dict[str, Any]:
    """Return the performance metrics of the lines of some runs.

    Parameters
    ----------
    warehouse:
        URL of the warehouse, whose rows tell when Kafka took them in and when the ETL was done with them.
    rejected:
        Lines of the runs in quarantine.
    total_seconds:
        From the first line sent until the marts held the last.
    monitoring:
        What the monitor saw of the broker meanwhile.

    Raises TransientError when the warehouse cannot be reached.
    """
    ids = list(run_ids)
    with connect(warehouse, read_only=True) as connection, translated("measuring a run in the warehouse"):
        silver, spark_seconds = connection.execute(_SPARK, [ids]).fetchone() or (0, None)
        found = connection.execute(_DBT).fetchone()
        arrived = (connection.execute(_ARRIVED, [ids]).fetchone() or (0,))[0]
    dbt_seconds, success, commands = found or (0.0, False, [])
    seconds = max(0.0, spark_seconds or 0.0)
    return {
        "kafka": {
            "messages_produced": sent.messages,
            "producer_duration": round(sent.seconds, 3),
            "throughput": rate(sent.messages, sent.seconds),
            "monitoring_data": monitoring,
        },
        "spark": {
            "processing_duration": round(seconds, 3),
            "input_records": int(silver) + rejected,
            "output_records": int(silver),
            "throughput": rate(int(silver) + rejected, seconds),
        },
        "dbt": {
            "duration_seconds": round(dbt_seconds, 3),
            "commands_executed": len(commands),
            "all_success": bool(success),
            "command_results": commands,
        },
        "overall": {
            "total_duration": round(total_seconds, 3),
            "total_records_processed": int(arrived),
            "end_to_end_throughput": rate(int(arrived), total_seconds),
        },
    }
