"""Files that contracts are taken from."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from pipeline_checks.model.errors import ConfigurationError


def text_of(place: str) -> str:
    """Return the text of a file: a path, or ``package.module:file`` of an installed package.

    Raises ConfigurationError when it cannot be read.
    """
    package, colon, name = place.partition(":")
    try:
        if colon and "/" not in package and not Path(place).exists():
            return (resources.files(package) / name).read_text(encoding="utf-8")
        return Path(place).read_text(encoding="utf-8")
    except (OSError, ModuleNotFoundError, UnicodeDecodeError) as problem:
        raise ConfigurationError(
            f"{place} cannot be read: {problem}.", next_step="Name a file, or package.module:file."
        ) from None


def json_of(place: str) -> Any:
    """Return what a file of JSON holds; raises ConfigurationError when it cannot be read or is none."""
    try:
        return json.loads(text_of(place))
    except ValueError as problem:
        raise ConfigurationError(f"{place} is no JSON: {problem}.", next_step="Correct the file.") from None


def yaml_of(place: str) -> Any:
    """Return what a file of YAML (or JSON) holds; raises ConfigurationError when it cannot be read or is none."""
    try:
        return yaml.safe_load(text_of(place))
    except yaml.YAMLError as problem:
        line = str(problem).splitlines()[0]
        raise ConfigurationError(f"{place} is no YAML: {line}.", next_step="Correct the file.") from None
