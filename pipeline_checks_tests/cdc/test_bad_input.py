"""Bad input is told where it stands, and never passes: wrong declarations exit 2, what cannot be looked at exits 3."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import NewTopic

from pipeline_checks.clients.kafka import admin, producer
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.session import VerificationSession
from pipeline_checks_tests.cdc.commands import Command, check, run_command
from pipeline_checks_tests.cdc.conftest import MainJob
from pipeline_checks_tests.cdc.settling import delta_path
from pipeline_checks_tests.conftest import RunningStack

SHOP = """\
type: pipeline_checks.VerifiedPipeline
attributes:
  name: shop
  stages:
    - name: source
      kind: postgres_table
      connection: {url: {env: CDC_POSTGRES_URL}}
      table: public.products
      contract:
        key: [product_id]
        columns:
          product_id: int32
          price: {type: "decimal(10,2)", nullable: false, min: 0.01}
      ignore: [product_name, description, category, stock_quantity, created_at, updated_at]
"""
"""A declaration that is right; the tests make one line wrong."""


def project(folder: Path, text: str) -> Path:
    """Write the declaration of a pipeline into a project, and return the project's folder."""
    file = folder / "defs" / "shop" / "defs.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return folder


def shop(folder: Path, text: str) -> Command:
    """Check the pipeline of this text as a user does."""
    return run_command("check", "shop", "--project", str(project(folder, text)), "--deadline", "3s")


def check_shop(folder: Path, text: str) -> tuple[int, dict[str, Any]]:
    """Check the pipeline of this text, and return exit code and JSON document."""
    return check("shop", "--project", str(project(folder, text)), "--deadline", "3s")


def test_the_declaration_that_the_others_spoil_is_right(main_job: MainJob, tmp_path: Path) -> None:
    code, document = check_shop(tmp_path, SHOP)
    assert (code, document["verdict"]) == (0, "PASS"), document


def test_every_mistake_of_a_declaration_is_told_with_file_and_line_and_no_secret(tmp_path: Path) -> None:
    second = SHOP.partition("  stages:\n")[2]
    text = SHOP.replace("key: [product_id]", "key: [produkt_id]")
    text += second.replace("name: source", "name: types").replace("int32", "int31")
    text += second.replace("name: source", "name: keyless").replace("        key: [product_id]\n", "")
    text += second.replace("name: source", "name: secret").replace(
        "{env: CDC_POSTGRES_URL}", '"postgresql://u:geheim@h/d"'
    )
    text += second.replace("name: source", "name: promises").replace("min: 0.01", "minimum: 0.01")
    done = shop(tmp_path, text)
    lines = text.splitlines()
    assert done.code == 2, done.errors
    for part in ("key: [produkt_id]", "product_id: int31", "geheim", "minimum: 0.01"):
        (number,) = [n for n, line in enumerate(lines, 1) if part in line]
        assert f"defs/shop/defs.yaml:{number}:" in done.errors, f"{part}: {done.errors}"
    keyless = lines.index("    - name: keyless")
    assert "'keyless' names no key" in done.errors
    (told,) = [line for line in done.errors.splitlines() if "names no key" in line]
    assert keyless < int(told.split("defs.yaml:")[1].split(":")[0]) <= keyless + len(second.splitlines())
    assert "produkt_id" in done.errors
    assert "int31" in done.errors
    assert "geheim" not in done.errors + done.output


def test_a_variable_that_is_not_set_is_told_with_the_field_that_names_it(tmp_path: Path) -> None:
    done = shop(tmp_path, SHOP.replace("CDC_POSTGRES_URL", "NO_SUCH_URL"))
    assert done.code == 2, done.errors
    assert "NO_SUCH_URL (source.connection.url)" in done.errors


def test_a_table_that_does_not_exist_is_an_error_of_each_of_its_checks(main_job: MainJob, tmp_path: Path) -> None:
    code, document = check_shop(tmp_path, SHOP.replace("public.products", "public.no_such_table"))
    assert code == 3
    assert {c["verdict"] for c in document["checks"]} == {"ERROR"}
    assert all("public.no_such_table" in c["message"] for c in document["checks"])


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and that nobody else is given meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_services_that_are_down_are_errors_and_the_stages_beside_them_are_judged(
    main_job: MainJob, closed_port: int, tmp_path: Path
) -> None:
    contract = "contract: {key: [id]}"
    away = f"127.0.0.1:{closed_port}"
    text = f"""{SHOP}
    - {{name: database, kind: postgres_table, connection: {{url: "postgresql://x@{away}/x"}}, table: a.b, {contract}}}
    - {{name: broker, kind: kafka_topic, brokers: "{away}", topic: t, {contract}}}
    - {{name: worker, kind: service, url: "http://{away}", connector: c}}
    - {{name: api, kind: http_api, url: "http://{away}", resource: customers, {contract}}}
    - name: catalog
      kind: iceberg_table
      catalog: {{name: c, url: "postgresql+psycopg://nobody@{away}/none", warehouse: "file://{tmp_path}"}}
      table: a.b
      {contract}
"""
    code, document = check_shop(tmp_path, text)
    assert code == 3
    assert document["verdict"] == "ERROR"
    verdicts: dict[str, set[str]] = {}
    for one in document["checks"]:
        verdicts.setdefault(one["stage"], set()).add(one["verdict"])
    down = ("database", "broker", "worker", "api", "catalog")
    assert verdicts == {"source": {"PASS"}, **{name: {"ERROR"} for name in down}}
    assert all(s["problem"] for s in document["stages"] if s["name"] in down)


LAKE = """\
type: pipeline_checks.VerifiedPipeline
attributes:
  name: shop
  stages:
    - name: lake
      kind: delta_table
      path: {path}
      contract:
        key: [product_id]
        event_time: updated_at
        columns:
          product_id: int64
          price: {{type: "decimal(10,2)", nullable: false, min: 0.01}}
          updated_at: timestamp
      ignore: [{ignored}]
"""
_IGNORED = (
    "product_name, description, category, stock_quantity, created_at, "
    "_source_lsn, _source_tx_id, _topic_partition, _offset, _ingested_at"
)


def test_a_truncated_parquet_file_is_an_error_that_names_it_and_no_check_of_rows_passes(
    main_job: MainJob, tmp_path: Path
) -> None:
    from deltalake import DeltaTable

    folder = tmp_path / "products"
    shutil.copytree(delta_path("products"), folder)
    text = LAKE.format(path=folder, ignored=_IGNORED)
    code, document = check_shop(tmp_path, text)
    assert (code, document["verdict"]) == (0, "PASS"), document
    largest = max((Path(uri) for uri in DeltaTable(str(folder)).file_uris()), key=lambda f: f.stat().st_size)
    whole = largest.read_bytes()
    largest.write_bytes(whole[: len(whole) // 2])
    code, document = check_shop(tmp_path, text)
    assert code == 3
    verdicts = {c["check"]: c["verdict"] for c in document["checks"]}
    reading = ("counts", "duplicates", "freshness", "nulls", "values")
    assert verdicts == {"schema": "PASS", **dict.fromkeys(reading, "ERROR")}, verdicts
    messages = [c["message"] for c in document["checks"] if c["check"] != "schema"]
    assert all(largest.name in message for message in messages), messages


TOPIC = """\
type: pipeline_checks.VerifiedPipeline
attributes:
  name: shop
  stages:
    - name: clicks
      kind: kafka_topic
      brokers: {env: KAFKA_BOOTSTRAP_SERVERS}
      topic: bad_input.clicks
      contract: {key: [id], columns: {id: int64, page: string}}
"""
_CLICKS = "bad_input.clicks"


@pytest.fixture
def clicks(stack: RunningStack) -> Iterator[str]:
    """A topic of three records, which the test may delete."""
    client = admin(setting("KAFKA_BOOTSTRAP_SERVERS"))
    client.create_topics([NewTopic(_CLICKS, num_partitions=1, replication_factor=1)])[_CLICKS].result(20)
    writer = producer(setting("KAFKA_BOOTSTRAP_SERVERS"))
    for number in range(3):
        writer.produce(_CLICKS, json.dumps({"id": number, "page": "/"}).encode())
    assert writer.flush(20) == 0
    yield _CLICKS
    if _CLICKS in client.list_topics(timeout=10).topics:
        _delete_topic()


def _delete_topic() -> None:
    client = admin(setting("KAFKA_BOOTSTRAP_SERVERS"))
    client.delete_topics([_CLICKS])[_CLICKS].result(20)
    gone = Deadline(20).wait_until(lambda: _CLICKS not in client.list_topics(timeout=10).topics)
    assert gone


def test_a_topic_deleted_under_the_checks_is_an_error_and_not_an_empty_topic(clicks: str, tmp_path: Path) -> None:
    pipeline = load_pipeline("shop", project(tmp_path, TOPIC))
    with VerificationSession(pipeline) as session:
        assert session.settle("clicks").problem == ""
        _delete_topic()
        judged = {r.check: r.judgement for r in session.evaluate("clicks")}
    # What was read up to the pinned offsets stands.
    assert (judged["counts"].verdict, judged["counts"].looked_at) == (Verdict.PASS, {"rows": 3})
    with VerificationSession(pipeline) as session:
        assert {r.verdict for r in session.evaluate("clicks")} == {Verdict.ERROR}
    code, document = check_shop(tmp_path, TOPIC)
    assert code == 3
    assert {c["verdict"] for c in document["checks"]} == {"ERROR"}
    assert all(clicks in c["message"] for c in document["checks"])
