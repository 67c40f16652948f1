"""``pipeline-checks jars``: the pinned jars of the stack."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_checks.cli.output import progress

if TYPE_CHECKING:
    from pipeline_checks.stack.jars.lists import JarList


@click.group(name="jars", no_args_is_help=True)
def command() -> None:
    """Fetch the jars of the stack, or lock them anew. The lists are pinned, with checksums.

    \b
    Example:
      pipeline-checks jars fetch
    """


@command.command(name="fetch")
@click.argument("names", nargs=-1, metavar="[LIST]...")
@click.option("--archive", is_flag=True, help="Also make the archive of classes that halves each start of Spark.")
def fetch(names: tuple[str, ...], archive: bool) -> None:
    """Fetch into the cache what of the lists (all when none is named) is missing there, each verified.

    The cache is $PIPELINE_CHECKS_CACHE; PIPELINE_CHECKS_MAVEN_MIRROR names another repository to fetch from.

    \b
    Example:
      pipeline-checks jars fetch kafka
    """
    from pipeline_checks.stack.jars import fetching, lists

    wanted = [lists.jar_list(name) for name in names or lists.NAMES]
    terminal = sys.stderr.isatty()

    def tell(name: str, done: int, total: int) -> None:
        line = f"{done >> 20} of {total >> 20} MB, {name}"
        click.echo(f"\r\033[K{line}" if terminal else line, err=True, nl=not terminal)

    fetching.fetch(wanted, tell)
    if terminal:
        click.echo("\r\033[K", err=True, nl=False)
    for each in wanted:
        click.echo(f"{each.name}: {len(each.jars)} jars, {each.size >> 20} MB, in {each.folder}")
    if archive:
        _archive(wanted)


def _archive(wanted: Sequence[JarList]) -> None:
    from pipeline_checks.stack import archives
    from pipeline_checks.stack.java import find_java

    for each in wanted:
        if each.name == archives.SPARK:
            progress("archiving the classes of Spark, for faster starts")
            made = archives.make_spark_archive(find_java(), each)
            click.echo(f"{each.name}: archive of classes {'is there' if made is None else made}")


@command.command(name="lock")
@click.argument("names", nargs=-1, metavar="[LIST]...")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="Another folder than the package's own.")
def lock(names: tuple[str, ...], into: Path | None) -> None:
    """Resolve the lists (all when none is named) anew from their pom files and write them with new checksums.

    \b
    Example:
      pipeline-checks jars lock spark
    """
    from pipeline_checks.stack.jars import lists, locking

    for name in names or lists.NAMES:
        progress(f"resolving {name}")
        made = locking.lock(name, into)
        click.echo(f"{name}: {len(made.jars)} jars, {made.size >> 20} MB")
