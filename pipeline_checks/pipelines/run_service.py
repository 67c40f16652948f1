"""Runs one service of a pipeline in the foreground, as the only program of a container.

``python -m pipeline_checks.pipelines.run_service MODULE SERVICE``: MODULE is what the pipeline names as its flow. The
service is the one that the embedded stack starts; where the others are is told by the environment instead of a
``stack.env``, and it listens on the one port that its container has for it.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from pipeline_checks.clients.settings import home
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.java import find_java
from pipeline_checks.stack.service import Placement, Service

PORT: Final = 8000
"""Of every program within its container; a container has an address of its own."""
DATA_VARIABLE: Final = "PIPELINE_CHECKS_DATA_FOLDER"

_log = logging.getLogger("pipeline_checks.pipelines.run_service")


def find(module: str, name: str) -> Service:
    """Return the service; raises ConfigurationError when the module has none of that name."""
    found: Any = import_module(module)
    known: dict[str, Service] = {
        s.name: s for s in (found.services() if hasattr(found, "services") else found.shared())
    }
    if name not in known:
        raise ConfigurationError(
            f"{module} has no service {name!r}.", next_step=f"Its services are: {', '.join(sorted(known))}."
        )
    return known[name]


def placement_of(service: Service) -> Placement:
    """Return where the service runs: folders as they are outside of the container, settings of the environment."""
    from pipeline_checks.stack.jars.lists import jar_list

    data = Home(Path(os.environ.get(DATA_VARIABLE) or home()))
    return Placement(
        home=data,
        name=service.name,
        folder=data.folder(service.name),
        ports={port: PORT for port in service.ports},
        settings=dict(os.environ),
        java=str(find_java().binary) if service.needs_java else "",
        classpaths={name: jar_list(name).paths for name in service.jars},
    )


def run(service: Service) -> int:
    """Become the service; what a step does within a command is done instead."""
    placement = placement_of(service)
    placement.folder.mkdir(parents=True, exist_ok=True)
    service.prepare(placement)
    if service.action is not None:
        service.action(placement)
        return 0
    command, environment = list(service.command(placement)), {**os.environ, **service.environment(placement)}
    os.chdir(placement.folder)
    os.execvpe(command[0], command, environment)
    return 0  # never: this process is another program by now


def main() -> int:
    """Run what the arguments name; 2 for a wrong setting, 1 when something outside stood in the way."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        module, name = sys.argv[1:3]
        return run(find(module, name))
    except PipelineChecksError as problem:
        _log.error("%s", problem)
        return 2 if isinstance(problem, ConfigurationError) else 1


if __name__ == "__main__":
    sys.exit(main())
