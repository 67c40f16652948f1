"""A message that means nothing, to see whether channels take messages."""

from __future__ import annotations

import uuid
from datetime import UTC

from pipeline_checks.alerts.channels.channel import Say
from pipeline_checks.alerts.channels.registry import channels_of
from pipeline_checks.alerts.delivery import hand_over
from pipeline_checks.alerts.masking import mask_of
from pipeline_checks.alerts.notice import NOTICE_VERSION
from pipeline_checks.model.alerting import AlertsDeclaration
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline


def try_channels(pipeline: Pipeline, say: Say) -> dict[str, str | None]:
    """Send a message to each channel of a pipeline and return why it was not taken, None where it was."""
    mask = mask_of(pipeline)
    document = {
        "schema_version": NOTICE_VERSION,
        "notice_id": uuid.uuid4().hex,
        "pipeline": pipeline.name,
        "run_id": "none",
        "made_at": now().astimezone(UTC).isoformat(timespec="seconds"),
        "state": "recovered",
        "verdict": "PASS",
        "title": f"{pipeline.name}: this is a test, nothing is wrong",
        "items": [],
        "items_total": 0,
    }
    channels = channels_of(pipeline.alerts or AlertsDeclaration(), say)
    found: dict[str, str | None] = {}
    for name in channels:
        try:
            hand_over(channels, name, document, patience=0.0)
            found[name] = None
        except PipelineChecksError as problem:
            found[name] = mask.text(str(problem))
    return found
