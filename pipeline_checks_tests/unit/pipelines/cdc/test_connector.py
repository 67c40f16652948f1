"""The connector's configuration and the source's DDL."""

from pipeline_checks.pipelines.cdc.flow.connector import configuration
from pipeline_checks.pipelines.cdc.flow.tables import CAPTURED, TABLES, ddl
from pipeline_checks.pipelines.cdc.flow.topics import TOPIC_CONFIG, topics


def test_the_connector_captures_the_six_tables_of_its_database() -> None:
    config = configuration("postgresql://me:s%40cret@db.example:5433/shop")
    assert config["table.include.list"].split(",") == [f"public.{t.name}" for t in CAPTURED]
    assert len(CAPTURED) == 6
    found = {k: v for k, v in config.items() if k.startswith("database.")}
    assert found == {
        "database.hostname": "db.example",
        "database.port": "5433",
        "database.user": "me",
        "database.password": "s@cret",
        "database.dbname": "shop",
    }
    assert not any(k.startswith("transforms") for k in config)


def test_topics_are_created_with_stated_partitions_and_the_time_of_the_append() -> None:
    assert {n: p for n, p in topics().items() if ".public." in n} == {f"debezium.public.{t.name}": 3 for t in CAPTURED}
    assert TOPIC_CONFIG["message.timestamp.type"] == "LogAppendTime"
    assert TOPIC_CONFIG["cleanup.policy"] == "delete"


def test_tables_are_created_before_those_that_refer_to_them() -> None:
    created = [s.split()[5] for s in ddl() if s.startswith("CREATE TABLE")]
    assert sorted(created) == sorted(t.name for t in TABLES)
    for table in TABLES:
        for column in table.columns:
            if "REFERENCES" in column.sql:
                parent = column.sql.split("REFERENCES ")[1]
                assert created.index(parent) < created.index(table.name)
