"""``pipeline-checks init``: a pipeline proposed for what exists already."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_checks.cli.exits import PASSED, code_of
from pipeline_checks.cli.options import project_option
from pipeline_checks.cli.output import progress, write_text

if TYPE_CHECKING:
    from pipeline_checks.model.pipeline import Pipeline


@click.command(name="init")
@click.option("--name", required=True, help="The name of the pipeline.")
@click.option("--postgres", metavar="URL_ENV", help="The variable with the URL of a Postgres database.")
@click.option("--table", "tables", multiple=True, metavar="PATTERN", help="Only these tables: [schema.]table, with *.")
@click.option("--kafka", metavar="BROKERS_ENV", help="The variable with the brokers of a Kafka cluster.")
@click.option("--topic", "topics", multiple=True, metavar="PATTERN", help="Only these topics, with *.")
@click.option("--registry", metavar="URL_ENV", help="The variable with the URL of the schema registry, for Avro.")
@click.option("--connect", metavar="URL_ENV", help="The variable with the URL of Kafka Connect.")
@click.option("--delta", multiple=True, metavar="PATH", help="A Delta table, or a folder of them; or its variable.")
@click.option("--iceberg", multiple=True, metavar="CATALOG:TABLE", help="A table, or a namespace, of a catalog.")
@click.option("--iceberg-url", metavar="URL_ENV", help="The variable with the URL of the Iceberg catalog.")
@click.option("--iceberg-warehouse", metavar="PATH", help="Where its tables lie; or the variable with it.")
@click.option("--force", is_flag=True, help="Replace the file when it exists.")
@click.option("--print", "is_shown", is_flag=True, help="Write to stdout instead of the file.")
@click.option("--no-check", is_flag=True, help="Do not read the data: nothing is proved, nothing checked.")
@project_option
def command(
    name: str,
    postgres: str | None,
    tables: tuple[str, ...],
    kafka: str | None,
    topics: tuple[str, ...],
    registry: str | None,
    connect: str | None,
    delta: tuple[str, ...],
    iceberg: tuple[str, ...],
    iceberg_url: str | None,
    iceberg_warehouse: str | None,
    force: bool,
    is_shown: bool,
    no_check: bool,
    project: Path | None,
) -> int:
    """Propose a pipeline for what you have: read the catalogs, write defs/NAME/defs.yaml, check it.

    Keys, event times, types and edges are proposed, each with its reason beside it; what only a name speaks for is
    proved on the data before it is promised. The exit code is that of the check.

    \b
    Examples:
      pipeline-checks init --name shop --postgres SHOP_URL --kafka BROKERS --connect CONNECT_URL --delta LAKE_PATH
      pipeline-checks init --name events --kafka BROKERS --topic 'app.*' --registry REGISTRY_URL --print
    """
    from pipeline_checks.introspection.proposal import Systems, place_of, propose

    systems = Systems(
        postgres, tables, kafka, topics, registry, connect, delta, iceberg, iceberg_url, iceberg_warehouse
    )
    file = None if is_shown else place_of(name, project, replace=force)
    proposal = propose(name, systems, progress, prove=not no_check)
    write_text(proposal.text, "-" if file is None else str(file))
    if file is not None:
        shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
        progress(f"{len(proposal.pipeline.stages)} stages proposed in {shown}")
    for missing in proposal.left_out:
        progress(f"not taken: {missing.what}: {missing.reason}")
    return PASSED if no_check or file is None else _checked(proposal.pipeline)


def _checked(pipeline: Pipeline) -> int:
    from pipeline_checks.reports import console
    from pipeline_checks.verification.run import Options, run_checks

    result = run_checks(pipeline, options=Options(progress=progress))
    console.show([result], sys.stdout)
    return code_of(result.verdict)
