"""Whether a pipeline can be asked at all."""

from __future__ import annotations

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.verification.environment import require_environment


def has_environment(pipeline: Pipeline) -> bool:
    """Return whether everything is set that the pipeline's stages take from the environment, or a running stack."""
    try:
        require_environment(pipeline, pipeline.stages)
    except ConfigurationError:
        return False
    return True
