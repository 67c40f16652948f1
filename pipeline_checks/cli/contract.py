"""``pipeline-checks contract``: a contract that is written elsewhere, as it stands in a ``defs.yaml``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipeline_checks.model.contract import Contract


@click.command(name="contract")
@click.option("--avro", metavar="FILE", help="The Avro schema of a record.")
@click.option("--json-schema", metavar="FILE", help="The JSON Schema of an object.")
@click.option("--odcs", metavar="FILE", help="A data contract of the Open Data Contract Standard, version 3.")
@click.option("--table", metavar="NAME", help="Which table of the data contract; needed when it has several.")
@click.option("--dbt", metavar="FILE", help="The manifest.json of a dbt project.")
@click.option("--model", metavar="NAME", help="Which model of the manifest, or source.table.")
@click.option("--pandera", metavar="MODULE:NAME", help="A schema of pandera.")
@click.option("--registry", metavar="URL_ENV", help="The variable with the URL of a schema registry.")
@click.option("--subject", metavar="NAME", help="Which subject of the registry, such as orders-value.")
def command(
    avro: str | None,
    json_schema: str | None,
    odcs: str | None,
    table: str | None,
    dbt: str | None,
    model: str | None,
    pandera: str | None,
    registry: str | None,
    subject: str | None,
) -> None:
    """Show the contract that a schema of others describes, in YAML.

    A defs.yaml can also name such a file itself: contract: {schema: {avro: orders.avsc}, key: [id]}. A registry is
    asked by this command only: pipelines are loaded without a network.

    \b
    Examples:
      pipeline-checks contract --odcs orders.odcs.yaml --table orders
      pipeline-checks contract --registry REGISTRY_URL --subject orders-value
    """
    from pipeline_checks.introspection.contract_text import contract_text

    given = {"avro": avro, "json_schema": json_schema, "odcs": odcs, "dbt": dbt, "pandera": pandera}
    named = {name: value for name, value in {**given, "registry": registry}.items() if value is not None}
    if len(named) != 1:
        raise click.UsageError(f"name one source, not {len(named)}: --{', --'.join(given)} or --registry")
    click.echo(contract_text(_contract(*next(iter(named.items())), table or model, subject)))


def _contract(source: str, value: str, part: str | None, subject: str | None) -> Contract:
    if source == "registry":
        if subject is None:
            raise click.UsageError("--registry needs --subject, such as orders-value")
        from pipeline_checks.verification.contract_sources.registry import contract_of

        return contract_of(value, subject)
    if source == "pandera":
        from pipeline_checks.values.pandera_contract import contract_from

        sys.path.append(str(Path.cwd()))  # the schema's module lies in the project that the command is run in
        return contract_from(value)
    from pipeline_checks.verification.contract_sources.source import contract_from_source

    part_name = {"odcs": "table", "dbt": "model"}.get(source)
    return contract_from_source({source: value} | ({part_name: part} if part_name and part else {}))
