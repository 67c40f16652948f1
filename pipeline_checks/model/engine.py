"""Where the rows of a pipeline's lake tables are computed over: on this machine, or by a Spark that is there."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pipeline_checks.model.secret import EnvironmentVariable

_SCHEME = "sc://"
_SECRETS = ("token=", "@")


class SessionResource(BaseModel):
    """A Spark session that Dagster's resource of the name ``resource`` gives, such as a ``LazyPySparkResource``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resource: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")


def _written(value: Any) -> Any:
    if isinstance(value, EnvironmentVariable | SessionResource):
        return value
    if isinstance(value, dict) and len(value) == 1 and {"env", "resource"} & set(value):
        return (EnvironmentVariable if "env" in value else SessionResource).model_validate(value)
    if isinstance(value, str) and value.startswith(_SCHEME) and len(value) > len(_SCHEME):
        if any(part in value for part in _SECRETS):
            raise ValueError("a literal secret is refused: put the URL into an environment variable, {env: NAME}")
        return value
    raise ValueError("must be sc://HOST:PORT, {env: NAME} or {resource: NAME}")


class EngineDeclaration(BaseModel):
    """The engine of a pipeline: ``spark`` is the URL of a Spark Connect server, or where the session comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spark: Annotated[str | EnvironmentVariable | SessionResource, BeforeValidator(_written)]
