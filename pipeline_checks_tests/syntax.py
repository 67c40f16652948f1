"""What modules import, read from their syntax trees: nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pipeline_checks

PACKAGE = Path(pipeline_checks.__file__).parent
ROOT = PACKAGE.parent


@dataclass(frozen=True)
class Import:
    """One import: ``module`` as written, or with the name behind ``from`` where that is a module of ours.

    ``only_types`` says that it stands below ``if TYPE_CHECKING``, ``at_top`` that importing the file executes it.
    """

    file: Path
    line: int
    module: str
    only_types: bool
    at_top: bool

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return f"{self.file.relative_to(ROOT)}:{self.line}"


def files(folder: Path = PACKAGE) -> list[Path]:
    """Return the Python files below a folder."""
    return sorted(folder.rglob("*.py"))


@cache
def tree(file: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


@cache
def imports(file: Path) -> tuple[Import, ...]:
    """Return all imports of a file, those inside functions included."""
    return tuple(_imports(file, tree(file), only_types=False, at_top=True))


def _imports(file: Path, node: ast.AST, *, only_types: bool, at_top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for name in child.names:
                yield Import(file, child.lineno, name.name, only_types, at_top)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            for name in child.names:
                yield Import(file, child.lineno, _module(base, name.name), only_types, at_top)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for part in child.body:
                yield from _imports(file, ast.Module([part], []), only_types=True, at_top=at_top)
            for part in child.orelse:
                yield from _imports(file, ast.Module([part], []), only_types=only_types, at_top=at_top)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(file, child, only_types=only_types, at_top=at_top and not inside)


def _module(base: str, name: str) -> str:
    """``from pipeline_checks.verification import settle`` imports a module, not a name of one."""
    parts = f"{base}.{name}".split(".")
    path = ROOT.joinpath(*parts)
    return ".".join(parts) if path.with_suffix(".py").is_file() or path.is_dir() else base


def room(file: Path) -> str:
    """Return the room that a file lies in: the first folder of the package, or the file's own name at its top."""
    parts = file.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")
