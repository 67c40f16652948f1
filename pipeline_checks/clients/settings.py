"""Where settings come from: the environment first, then what the running stack wrote down in ``stack.env``."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.secret import EnvironmentVariable, SettingValue

HOME_VARIABLE = "PIPELINE_CHECKS_HOME"
LISTEN_VARIABLE = "PIPELINE_CHECKS_LISTEN"


def home() -> Path:
    """Return the folder of the stack's data, logs and settings: ``$PIPELINE_CHECKS_HOME`` or ``.pipeline_checks``."""
    return Path(os.environ.get(HOME_VARIABLE) or ".pipeline_checks").absolute()


def listen_address() -> str:
    """Return where programs listen: this machine only, unless ``PIPELINE_CHECKS_LISTEN`` says otherwise.

    A container has a network of its own, in which others must reach it: what is published of it is said outside.
    """
    return os.environ.get(LISTEN_VARIABLE) or "127.0.0.1"


def stack_env_file() -> Path:
    """Return the file in which the running stack writes what it chose (ports, URLs, paths)."""
    return home() / "stack.env"


def read_stack_env() -> dict[str, str]:
    """Return the settings of the running stack, empty when there is none."""
    try:
        text = stack_env_file().read_text()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return {name.strip(): value for name, _, value in pairs}


def setting(name: str, default: str | None = None) -> str:
    """Return the value of an environment variable, looked up in the environment and then in ``stack.env``.

    Raises ConfigurationError when it stands in neither and no default is given.
    """
    value = os.environ.get(name) or read_stack_env().get(name) or default
    if value is None:
        raise ConfigurationError(
            f"the environment variable {name} is not set",
            next_step=f"Set {name}, or start the stack with `pipeline-checks up`, which writes {stack_env_file()}.",
            variable=name,
        )
    return value


def resolve(value: SettingValue) -> str:
    """Return the text of a setting: itself, or the value of the environment variable it names.

    A variable that is set nowhere and names folders to ``probe`` is the one of them that holds Delta tables.
    """
    if not isinstance(value, EnvironmentVariable):
        return value
    if not value.probe or setting(value.env, ""):
        return setting(value.env)
    from pipeline_checks.clients.delta_places import find_delta_place

    return setting(value.env, find_delta_place(value.probe, home(), value.env))
