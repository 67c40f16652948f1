"""What is wrong in a defs.yaml is told with file, line, field and the fix; all of it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.verification.yaml_document import read_documents
from pipeline_checks_tests.unit.verification.yaml_pipeline import SHOP, line_of, load


def problem(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    return str(caught.value)


CASES = {
    "an unknown type": (
        "customer_id: int64",
        "customer_id: int46",
        "customer_id: int46",
        "attributes.stages[0].contract.columns.customer_id: 'int46' is not a type; the types are int8",
    ),
    "an unknown key column": (
        "key: [customer_id]",
        "key: [client_id]",
        "key: [client_id]",
        "attributes.stages[0].contract.key: key names 'client_id', which is not among the columns (customer_id",
    ),
    "a reference to no stage": (
        "        event_time: updated_at\n",
        "        event_time: updated_at\n        references:\n          email: soruce\n",
        "email: soruce",
        "stages[0].contract.references.email: email of 'source' refers to 'soruce', which is no stage."
        " Did you mean 'source'?",
    ),
    "a reference to no column": (
        "        event_time: updated_at\n",
        "        event_time: updated_at\n        references:\n          email: lake.e_mail\n",
        "email: lake.e_mail",
        "email of 'source' refers to 'e_mail', which is no column of 'lake'. Did you mean 'email'?",
    ),
    "a reference of no column": (
        "        event_time: updated_at\n",
        "        event_time: updated_at\n        references:\n          e_mail: lake\n",
        "e_mail: lake",
        "references names 'e_mail', which is not among the columns",
    ),
    "a drift without reference": (
        "        event_time: updated_at\n",
        "        event_time: updated_at\n        distribution:\n          email: {psi: 0.1}\n",
        "email: {psi: 0.1}",
        "'reference' is missing",
    ),
    "an unknown event time": (
        "event_time: updated_at",
        "event_time: changed_at",
        "event_time: changed_at",
        "event_time names 'changed_at'",
    ),
    "an unknown field": (
        "table: public.customers",
        "table: public.customers\n      tabel: x",
        "tabel: x",
        "a postgres_table has no field 'tabel'. Did you mean 'table'?",
    ),
    "a missing field": ("      table: public.customers\n", "", "name: source", "'table' is missing. Add table."),
    "an unknown kind": (
        "kind: delta_table",
        "kind: delta",
        "kind: delta",
        "attributes.stages[1].kind: there is no stage of kind 'delta'",
    ),
    "a missing kind": ("      kind: delta_table\n", "", "name: lake", "'kind' is missing"),
    "an unknown upstream": (
        "from: source",
        "from: sauce",
        "from: sauce",
        "there is no stage 'sauce' before 'lake', which is made from it. Did you mean 'source'?",
    ),
    "a literal password": (
        "{env: SHOP_URL}",
        "postgresql://shop:hunter2@db/shop",
        "hunter2",
        "attributes.stages[0].connection.url: a literal password is refused: put the URL into an environment variable",
    ),
    "a malformed variable": ("{env: SHOP_URL}", "{environ: SHOP_URL}", "environ:", "connection.url"),
    "an unknown promise": (
        "key: [customer_id]",
        "key: [customer_id]\n        freshnes: {within: 10m}",
        "freshnes:",
        "attributes.stages[0].contract.freshnes: there is no promise 'freshnes'. Did you mean 'freshness'?",
    ),
    "a malformed promise": (
        "key: [customer_id]",
        "key: [customer_id]\n        counts: {min: -1}",
        "counts:",
        "attributes.stages[0].contract.counts.min: Input should be greater than or equal to 0",
    ),
    "an unknown field of a promise": (
        "key: [customer_id]",
        "key: [customer_id]\n        counts:\n          minimum: 1",
        "minimum:",
        "attributes.stages[0].contract.counts.minimum: the promise counts has no field 'minimum'",
    ),
    "a column that is not in the contract": (
        "path: /lake/customers",
        "path: /lake/customers\n      columns: {e_mail: email}",
        "e_mail",
        "attributes.stages[1].columns.e_mail: 'e_mail' is not a column of the contract of 'lake'. Did you mean",
    ),
    "a column of the event in a table of the current state": (
        "path: /lake/customers",
        "path: /lake/customers\n      columns: {op: __op}",
        "op: __op",
        "attributes.stages[1].columns.op: 'op' is not a column of the contract of 'lake'.",
    ),
    "no key": (
        "        key: [customer_id]\n",
        "",
        "      contract:",
        "the contract of 'source' names no key, so its rows cannot be told apart. Add key:",
    ),
    "an unknown contract": (
        "path: /lake/customers",
        "path: /lake/customers\n      contract: customer",
        "contract: customer",
        "there is no contract 'customer' among `contracts`",
    ),
    "a duration without unit": (
        "path: /lake/customers",
        "path: /lake/customers\n      deadline: soon",
        "deadline: soon",
        "'soon' is not a duration",
    ),
    "a second stage of one name": (
        "name: lake",
        "name: source",
        None,
        "attributes.stages[1].name: a second stage 'source'",
    ),
    "a field of the pipeline": (
        "name: shop",
        "name: shop\n  stage: []",
        "stage: []",
        "a pipeline has no field 'stage'",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_mistake_is_told_with_its_line_and_the_fix(case: tuple[str, str, str | None, str], tmp_path: Path) -> None:
    right, wrong, marked, message = case
    assert right in SHOP
    text = SHOP.replace(right, wrong)
    told = problem(tmp_path, text)
    assert message in told
    if marked is not None:
        line = next(line for line in told.splitlines() if message in line)
        assert line.strip().startswith(f"defs.yaml:{line_of(text, marked)}: "), line
    assert "hunter2" not in told


def test_several_mistakes_are_told_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = SHOP.replace("customer_id: int64", "customer_id: int46").replace("path: /lake/customers", "paths: /lake")
    told = problem(tmp_path, text)
    assert "3 problems" in told
    assert told.index("int46") < told.index("'path' is missing")
    assert "has no field 'paths'" in told


def test_a_mistake_in_a_shared_contract_is_told_once_at_the_contract(tmp_path: Path) -> None:
    text = """
        attributes:
          name: shop
          contracts:
            customers:
              key: [id]
              counts: {min: many}
          stages:
            - for_each: {copy: [a, b, c]}
              stages:
                - {name: "{copy}", kind: delta_table, path: "/lake/{copy}", contract: customers}
        """
    told = problem(tmp_path, text)
    assert told.count("contracts.customers.counts.min") == 1
    assert "defs.yaml:7: attributes.contracts.customers.counts.min" in told


def test_a_mistake_in_a_repeated_stage_is_told_at_the_line_of_the_repeated_stage(tmp_path: Path) -> None:
    text = """
        attributes:
          name: shop
          stages:
            - for_each: {table: [a]}
              stages:
                - name: "{table}"
                  kind: delta_table
                  contract: {key: [id]}
                  paht: "/lake/{table}"
        """
    told = problem(tmp_path, text)
    assert "defs.yaml:10: attributes.stages[0].stages[0].paht" in told


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ("{}", "must be a list of stages"),
        ("[3]", "is not a stage"),
        ("[{for_each: {table: []}, stages: []}]", "must map names to lists that are not empty"),
        ("[{for_each: {table: [a]}, stages: [], name: x}]", "stands beside for_each"),
        ("[]", "a pipeline needs at least one stage"),
    ],
)
def test_a_malformed_list_of_stages_is_told(stages: str, message: str, tmp_path: Path) -> None:
    assert message in problem(tmp_path, f"attributes:\n  name: shop\n  stages: {stages}\n")


def test_what_is_not_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "defs.yaml"
    file.write_text("attributes:\n  name: [shop\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"defs\.yaml:3: not valid YAML"):
        read_documents(file, "defs.yaml")


def test_a_field_written_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    file = tmp_path / "defs.yaml"
    file.write_text("attributes:\n  name: a\n  name: b\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"defs\.yaml:3: attributes\.name: written twice, first in line 2"):
        read_documents(file, "defs.yaml")
