"""The whole stack of the pipeline ``cdc``, as the session's fixture brings it up."""

from pipeline_checks.clients.settings import setting
from pipeline_checks.pipelines.cdc.services import services
from pipeline_checks.stack.probes import probe_json, probe_postgres

_MEMORY_LIMIT = 3.5 * (1 << 30)


def test_every_service_is_ready_and_known_by_port_and_log(stack):
    states = {s.name: s for s in stack.provider.status(services())}
    assert set(states) == {"postgres", "kafka", "connect", "cdc_mover", "cdc_api"}
    for state in states.values():
        assert state.ready, state
        assert state.port is not None
        assert state.log is not None


def test_the_whole_stack_fits_into_its_memory(stack):
    assert sum(s.memory_bytes or 0 for s in stack.provider.status(services())) < _MEMORY_LIMIT


def test_the_settings_of_the_stack_lead_to_its_services(stack):
    probe_postgres(setting("CDC_POSTGRES_URL"))
    probe_postgres(setting("ICEBERG_CATALOG_URL").replace("+psycopg", ""))
    assert probe_json("mover", setting("CDC_MOVER_URL"), "/health")["ready"]
    probe_json("api", setting("CDC_API_URL"), "/health")
    assert setting("DELTA_TABLE_PATH").startswith(str(stack.home))


def test_up_of_the_whole_stack_starts_nothing_twice(stack):
    before = {s.name: s.pid for s in stack.provider.status(services())}
    assert {s.name: s.pid for s in stack.up(services()) if s.pid} == before
