"""Re-creates a list of jars from its ``<name>.pom.xml``: resolves, downloads and takes checksums."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TransientError
from pipeline_checks.stack.environment import replace_file
from pipeline_checks.stack.jars.fetching import maven, sha256
from pipeline_checks.stack.jars.lists import NAMES, Jar, JarList

if TYPE_CHECKING:
    from jgo.maven import MavenContext

_POM = "{http://maven.apache.org/POM/4.0.0}"


@dataclass(frozen=True)
class Wanted:
    """One dependency of a pom; ``transitive`` says whether what it depends on itself belongs to the list."""

    group: str
    artifact: str
    version: str
    transitive: bool


def wanted(pom: str) -> list[Wanted]:
    """Return the dependencies of a pom in their order. An exclusion of ``*:*`` takes a dependency alone."""
    found = []
    for element in ElementTree.fromstring(pom).iter(f"{_POM}dependency"):

        def text(tag: str, element: ElementTree.Element = element) -> str:
            return (element.findtext(f"{_POM}{tag}") or "").strip()

        alone = any(e.findtext(f"{_POM}artifactId") == "*" for e in element.iter(f"{_POM}exclusion"))
        found.append(Wanted(text("groupId"), text("artifactId"), text("version"), not alone))
    return found


def lock(name: str, folder: Path | None = None) -> JarList:
    """Resolve the pom of that name, write ``<name>.lock`` into ``folder`` and return the list.

    ``folder`` is that of the package's own lists by default. Raises ConfigurationError for an unknown name and
    TransientError when something cannot be resolved or fetched.
    """
    if name not in NAMES:
        raise ConfigurationError(
            f"there is no list of jars called {name!r}", next_step=f"Use one of {', '.join(NAMES)}."
        )
    data = resources.files(__package__)
    with resources.as_file(data.joinpath(f"{name}.pom.xml")) as pom, tempfile.TemporaryDirectory() as repository:
        dependencies = wanted(pom.read_text())
        try:
            jars = tuple(_jars(maven(Path(repository)), dependencies))
        except PipelineChecksError:
            raise
        except Exception as error:  # jgo raises RuntimeError, and lets those of requests pass
            raise TransientError(
                f"the jars of {name} could not be resolved: {str(error)[:300]}",
                next_step=f"Check the versions in {pom.name} and the network.",
            ) from error
        target = folder or pom.parent
    replace_file(target / f"{name}.lock", "".join(f"{jar.line}\n" for jar in jars))
    return JarList(name, jars)


def _jars(context: MavenContext, dependencies: Sequence[Wanted]) -> list[Jar]:
    """Return the jars: in the pom's order where all stand alone, else by coordinate, as the resolver finds them."""
    from concurrent.futures import ThreadPoolExecutor

    from jgo.maven import Dependency

    def artifact(one: Wanted) -> Any:
        return context.project(one.group, one.artifact).at_version(one.version).artifact()

    artifacts = [artifact(one) for one in dependencies if not one.transitive]
    # Raw: as Maven would; otherwise each dependency's own choice of versions is imposed on the others.
    roots = [Dependency(artifact(one), raw=True) for one in dependencies if one.transitive]
    if roots:
        inputs, others = context.resolver.resolve(roots)
        runtime = [d for d in (*inputs, *others) if d.scope not in ("test", "provided", "system")]
        artifacts += sorted((d.artifact for d in runtime), key=lambda a: f"{a.groupId}:{a.artifactId}:{a.version}")

    def measured(artifact: Any) -> Jar:
        path = artifact.resolve()
        return Jar(artifact.groupId, artifact.artifactId, artifact.version, path.stat().st_size, sha256(path))

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(measured, artifacts))
