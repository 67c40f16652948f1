"""``stack.env``: what the stack chose (ports, URLs, paths), for UI, daemon, commands and flows alike."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.stack.home import Home, writing

_HEADER = "# Written by `pipeline-checks up`: what the stack of this folder runs on. The environment goes before it.\n"


def read_env(home: Home) -> dict[str, str]:
    """Return the settings of the home's stack, empty when it has none."""
    return read_variables(home.env_file)


def read_variables(file: Path) -> dict[str, str]:
    """Return what a file of lines ``NAME=value`` says, empty when it is not there."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return {name.strip(): value for name, _, value in pairs}


def write_env(home: Home, settings: Mapping[str, str]) -> None:
    """Replace the settings of the home's stack in one step; a reader sees the old or the new file, never a part."""
    write_variables(home.env_file, settings)


def write_variables(file: Path, settings: Mapping[str, str]) -> None:
    """Write a file of lines ``NAME=value`` that only its owner can read, in one step."""
    for name, value in settings.items():
        if "\n" in value:
            raise TerminalError(f"the setting {name} holds a line break, which {file.name} cannot say")
    lines = (f"{name}={value}\n" for name, value in sorted(settings.items()))
    replace_file(file, _HEADER + "".join(lines), mode=0o600)


def replace_file(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file under a temporary name and rename it, so that no one reads a part and a full disk loses nothing."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def refuse_contradictions(settings: Mapping[str, str], names: Iterable[str]) -> None:
    """Refuse to start a stack that the user's own environment hides.

    Variables of the environment win over ``stack.env``, so checks would look at other services than those started.
    Raises ConfigurationError naming the variables (never their values, which may hold passwords).
    """
    hidden = sorted(n for n in names if os.environ.get(n) and os.environ[n] != settings.get(n))
    if hidden:
        raise ConfigurationError(
            f"the environment sets {', '.join(hidden)} to other services than those that the stack would start",
            next_step="Unset them to use the embedded stack, or use `--provider external` to use those services.",
            variables=hidden,
        )
