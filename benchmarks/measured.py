"""A benchmark by its name, for the process that it is measured in."""

from __future__ import annotations

from importlib import import_module

from benchmarks.figures import Figure


def measure(place: str) -> list[Figure]:
    """Return the figures of the function at ``module:function`` among the benchmarks."""
    module, _, function = place.partition(":")
    figures: list[Figure] = getattr(import_module(f"benchmarks.{module}"), function)()
    return figures
