"""Facts of services that both providers tell alike: who answers, who needs whom, what the shared services say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from pipeline_checks.model import clock
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.service_facts import Fact, StackFacts, Topic
from pipeline_checks.stack.service import Service
from pipeline_checks.stack.starts import Began
from pipeline_checks.stack.status import ServiceState

AS_CONFIGURED = "as configured"


@dataclass
class Gathering:
    """Facts while they are gathered."""

    facts: dict[Topic, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    unread: dict[Topic, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, topic: Topic, service: str, item: str, promised: Any, seen: Any) -> None:
        """Note one fact."""
        self.facts[topic].append(Fact(service, item, promised, seen))

    def miss(self, topic: Topic, service: str, why: str) -> None:
        """Note that something could not be read."""
        self.unread[topic][service] = why

    def variables(self, service: str, promised: Mapping[str, str], seen: Mapping[str, str] | None) -> None:
        """Note for each variable whether the running process has the promised value, never the value itself."""
        if seen is None:
            self.miss("environment", service, "the environment of its process cannot be read")
            return
        for name, value in sorted(promised.items()):
            found = seen.get(name)
            told = None if found is None else AS_CONFIGURED if found == value else "another value"
            self.add("environment", service, name, AS_CONFIGURED, told)

    def told(self, provider: str) -> StackFacts:
        """Return all of them."""
        facts = {topic: tuple(found) for topic, found in self.facts.items()}
        return StackFacts(provider, clock.now(), facts, {topic: dict(gaps) for topic, gaps in self.unread.items()})


def common(
    gathered: Gathering, services: Sequence[Service], states: Iterable[ServiceState], env: Mapping[str, str]
) -> None:
    """Gather health, dependencies, and what the services answer that others rely on."""
    by_name = {s.name: s for s in states}
    for service in services:
        state = by_name.get(service.name)
        seen = state.state if state is not None else ("done" if service.once else "absent")
        if not service.once:
            gathered.add("health", service.name, "state", "ready", seen)
        for needed in service.upstream:
            there = by_name.get(needed)
            step = any(s.name == needed and s.once for s in services)
            told = there.state if there is not None else "done" if step else "absent"
            gathered.add("dependencies", service.name, needed, "ready", told)
        for name in service.needs:
            if name.endswith("_METRICS_URL") and env.get(name):
                _ask(gathered, "monitoring", service.name, "metrics", "served", partial(_metrics, env[name]))
    names = {s.name for s in services}
    _shared(gathered, names, env)


def start_order(gathered: Gathering, services: Sequence[Service], starts: Mapping[str, Began]) -> None:
    """Gather for each service when it was started, beside when what it depends on was ready."""
    for service in services:
        for needed in service.depends_on:
            own, before = starts.get(service.name), starts.get(needed)
            if own is None or before is None:
                gathered.miss("start_order", service.name, "when it was started is not known: not by `up` of this home")
                continue
            gathered.add("start_order", service.name, needed, before.ready.isoformat(), own.started.isoformat())


_ERROR = re.compile(r"\b(ERROR|FATAL|CRITICAL|PANIC)\b|^Traceback \(most recent call last\)|^Exception in thread")


_OF_SERVER = re.compile(r"\b(FATAL|PANIC)\b")
"""PostgreSQL calls an error what a client asked wrongly: that is told to the client, and is the client's to log."""


def error_lines(text: str, service: str = "") -> str:
    """Return what a service's log says of errors: how many lines and the first of them."""
    pattern = _OF_SERVER if service == "postgres" else _ERROR
    found = [line for line in text.splitlines() if pattern.search(line)]
    return f"{len(found)} lines of errors, first: {found[0][:200]}" if found else "no errors"


def _shared(gathered: Gathering, names: set[str], env: Mapping[str, str]) -> None:
    if "kafka" in names:
        _ask(gathered, "broker", "kafka", "brokers", 1, lambda: _brokers(env["KAFKA_BOOTSTRAP_SERVERS"]))
    if "object_store" in names:
        _ask(gathered, "object_store", "object_store", "S3 API", "answers", lambda: _store(env))
    for name, url in sorted(env.items()):
        if name.endswith("ICEBERG_CATALOG_URL") and "postgres" in names:
            _ask(
                gathered,
                "catalog",
                "postgres",
                urlsplit(url).path.lstrip("/"),
                "answers",
                partial(_catalog, url),
            )
    if "market_registry" in names:
        url = env["MARKET_SCHEMA_REGISTRY_URL"]
        _ask(gathered, "registry", "market_registry", "subjects", "registered", lambda: _subjects(url))


def _ask(
    gathered: Gathering, topic: Topic, service: str, item: str, promised: Any, question: Callable[[], Any]
) -> None:
    try:
        seen = question()
    except PipelineChecksError as error:
        seen = error.message
    gathered.add(topic, service, item, promised, seen)


def _brokers(bootstrap: str) -> int:
    from pipeline_checks.clients import kafka

    with kafka.translated("Kafka does not answer"):
        return len(kafka.admin(bootstrap).list_topics(timeout=kafka.REQUEST_TIMEOUT_SECONDS).brokers)


def _store(env: Mapping[str, str]) -> str:
    from pipeline_checks.stack.probes import probe_s3

    probe_s3(env["S3_ENDPOINT"])
    return "answers"


def _catalog(url: str) -> str:
    from pipeline_checks.stack.probes import probe_postgres

    probe_postgres(url.replace("postgresql+psycopg://", "postgresql://", 1))
    return "answers"


def _subjects(url: str) -> str:
    from pipeline_checks.stack.probes import probe_json

    return "registered" if probe_json("the schema registry", url, "/subjects") else "none registered"


def _metrics(url: str) -> str:
    from pipeline_checks.clients import http

    with http.translated("asking for metrics"), http.client(url) as session:
        answer = session.get("/metrics")
    # Empty as long as nothing was counted.
    is_metrics = answer.headers.get("content-type", "").startswith("text/plain")
    return "served" if answer.status_code == 200 and is_metrics else f"status {answer.status_code}"
