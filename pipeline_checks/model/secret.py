"""Settings that come from the environment: ``{env: NAME}``. A literal secret is refused."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from pipeline_checks.model.errors import ConfigurationError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_URL_WITH_PASSWORD = re.compile(r"^[a-z0-9+.-]+://[^/@\s:]*:[^/@\s]+@", re.IGNORECASE)


class EnvironmentVariable(BaseModel):
    """A value that stands in the environment variable ``env`` when the stage is used, never at load.

    ``probe`` names folders that are looked at for Delta tables where the variable is not set; exactly one may hold
    some. One that is not absolute lies in the home of the stack.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str = Field(pattern=f"^{_VARIABLE.pattern}$")
    probe: tuple[str, ...] = ()


def variable_named(name: str, what: str) -> EnvironmentVariable:
    """Return the variable of that name; ``what`` is what it was given for, such as an option.

    Raises ConfigurationError when it is no name; it is not told, since a URL with a password may have been meant.
    """
    if _VARIABLE.fullmatch(name) is None:
        raise ConfigurationError(
            f"{what} takes the name of an environment variable, not a value.",
            next_step="Put the value into a variable, and write the variable's name.",
        )
    return EnvironmentVariable(env=name)


class Setting:
    """Annotation type of a field that takes text or ``{env: NAME}`` and refuses a URL with a password in it."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any) -> str | EnvironmentVariable:
            if isinstance(value, EnvironmentVariable):
                return value
            if isinstance(value, dict):
                return EnvironmentVariable.model_validate(value)
            text = str(value)
            if _URL_WITH_PASSWORD.match(text):
                raise ValueError("a literal password is refused: put the URL into an environment variable, {env: NAME}")
            return text

        return core_schema.no_info_plain_validator_function(validate)


class SecretSetting(Setting):
    """Annotation type of a field that holds a secret: only ``{env: NAME}`` is taken."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any) -> EnvironmentVariable:
            if isinstance(value, EnvironmentVariable):
                return value
            if isinstance(value, dict):
                return EnvironmentVariable.model_validate(value)
            raise ValueError("a literal secret is refused: put it into an environment variable, {env: NAME}")

        return core_schema.no_info_plain_validator_function(validate)


SettingValue = str | EnvironmentVariable
