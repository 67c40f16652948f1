"""Takes secrets out of what is told: passwords in URLs, and every secret that this pipeline's settings hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.secret import EnvironmentVariable
from pipeline_checks.reports.text import clean

HIDDEN: Final = "***"
_SECRET_NAME = re.compile(
    r"password|passwd|passphrase|secret|token|credential|private|webhook|api_?key|access_?key", re.I
)
CHANNEL_VARIABLES: Final = ("ALERT_WEBHOOK_URL", "ALERT_SLACK_WEBHOOK_URL")
"""What names channels where a pipeline declares none."""
_SHORTEST: Final = 4
"""Characters below which a value is too common a word to be taken out of texts."""


class Mask:
    """Replaces secrets in texts.

    Parameters
    ----------
    secrets:
        The secrets as they are; those of fewer than four characters are left out.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(s) for s in known)) if known else None

    def text(self, text: str) -> str:
        """Return a text without secrets and control characters."""
        shown = text if self._pattern is None else self._pattern.sub(HIDDEN, text)
        return clean(shown)

    def value(self, value: Any) -> Any:
        """Return a JSON value without secrets in its texts, names of fields included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return value


def mask_of(pipeline: Pipeline) -> Mask:
    """Return the mask for the secrets that a pipeline's settings name and the environment holds now."""
    of_channels = {*_variables(pipeline.alerts), *(EnvironmentVariable(env=name) for name in CHANNEL_VARIABLES)}
    found: set[str] = set()
    for variable in {*_variables(pipeline), *of_channels}:
        try:
            value = resolve(variable)
        except ConfigurationError:
            continue
        found.update(_secrets_in(variable.env, value))
        if variable in of_channels:  # whoever knows where messages go can send some
            found.add(value)
    return Mask(found)


def _secrets_in(name: str, value: str) -> Iterator[str]:
    if _SECRET_NAME.search(name):
        yield value
    try:
        parts = urlsplit(value)
        password = parts.password
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))


def _variables(declared: Any) -> Iterator[EnvironmentVariable]:
    if isinstance(declared, EnvironmentVariable):
        yield declared
    elif isinstance(declared, BaseModel):
        for name in type(declared).model_fields:
            yield from _variables(getattr(declared, name))
    elif isinstance(declared, Mapping):
        for one in declared.values():
            yield from _variables(one)
    elif isinstance(declared, list | tuple):
        for one in declared:
            yield from _variables(one)
