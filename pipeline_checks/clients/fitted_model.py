"""A fitted scikit-learn pipeline in a file, and the sidecar that says what it is. Nothing else is ever unpickled."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson

from pipeline_checks.model.errors import ConfigurationError

LIBRARIES: Final = ("scikit-learn", "numpy", "joblib")
_HASH_DIGITS: Final = 12


@dataclass(frozen=True)
class Sidecar:
    """What a model says of itself.

    Parameters
    ----------
    model_version:
        Its name and the first digits of ``sha256``.
    libraries:
        Versions of those that made the file; another one may read it differently.
    threshold:
        The probability from which on the label is Yes.
    metrics:
        What it reached on rows held out from the training.
    """

    model_version: str
    name: str
    sha256: str
    libraries: Mapping[str, str]
    features: Sequence[str]
    threshold: float
    training_seed: int
    training_rows: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class FittedModel:
    """A model and its sidecar."""

    pipeline: Any
    sidecar: Sidecar

    @property
    def version(self) -> str:
        """The version that every prediction carries."""
        return self.sidecar.model_version


def sidecar_file(model: Path) -> Path:
    """Return the file that describes a model.

    >>> sidecar_file(Path("models/churn.joblib")).name
    'churn.json'
    """
    return model.with_suffix(".json")


def installed_libraries() -> dict[str, str]:
    """Return the versions that a model of this environment depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def save_model(
    pipeline: Any,
    path: Path,
    *,
    name: str,
    features: Sequence[str],
    threshold: float,
    training_seed: int,
    training_rows: int,
    metrics: Mapping[str, float],
) -> Sidecar:
    """Write a model and its sidecar; a reader sees the old pair, the new one, or a pair that it refuses."""
    import joblib

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    joblib.dump(pipeline, temporary)
    digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
    sidecar = Sidecar(
        model_version=f"{name}-{digest[:_HASH_DIGITS]}",
        name=name,
        sha256=digest,
        libraries=installed_libraries(),
        features=list(features),
        threshold=threshold,
        training_seed=training_seed,
        training_rows=training_rows,
        metrics=dict(metrics),
    )
    temporary.replace(path)
    description = sidecar_file(path)
    beside = description.with_name(f".{description.name}")
    beside.write_bytes(orjson.dumps(asdict(sidecar), option=orjson.OPT_INDENT_2))
    beside.replace(description)
    return sidecar


def read_sidecar(path: Path) -> Sidecar:
    """Return the sidecar of a model; raises FileNotFoundError or ConfigurationError when it says nothing of use."""
    file = sidecar_file(path)
    try:
        return Sidecar(**orjson.loads(file.read_bytes()))
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no sidecar {file} of the model {path}") from None
    except (TypeError, orjson.JSONDecodeError) as error:
        problem = f"the sidecar {file} is not one: {error}."
        raise ConfigurationError(problem, next_step="Train the model anew.") from None


def load_model(path: Path, features: Sequence[str] | None = None) -> FittedModel:
    """Return a model whose file is the one that its sidecar describes.

    Parameters
    ----------
    features:
        What will be handed to it; None takes the sidecar's word.

    Raises
    ------
    FileNotFoundError
        When the model or its sidecar is missing.
    ConfigurationError
        When hash, features or a library's version differ. The file has not been unpickled then.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no model {path}")
    sidecar = read_sidecar(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != sidecar.sha256 or sidecar.model_version != f"{sidecar.name}-{digest[:_HASH_DIGITS]}":
        raise _refused(path, "its file is not the one that its sidecar describes (SHA-256 differs)")
    if features is not None and list(features) != list(sidecar.features):
        differing = sorted(set(features) ^ set(sidecar.features)) or ["their order"]
        raise _refused(path, f"its features are not those of this program: {', '.join(differing)}")
    here = installed_libraries()
    for name in LIBRARIES:
        if sidecar.libraries.get(name) != here[name]:
            raise _refused(path, f"it was made with {name} {sidecar.libraries.get(name)}, installed is {here[name]}")
    import joblib

    return FittedModel(joblib.load(path), sidecar)


def _refused(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the model {path} is refused: {why}.", next_step="Train it anew in this environment, or restore its file."
    )
