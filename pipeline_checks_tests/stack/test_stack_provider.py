"""The embedded provider with small services: starts, failures, crashes, ends."""

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError
from pipeline_checks.stack import processes
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.environment import read_env
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.service import Service
from pipeline_checks.stack.supervision import Supervisor
from pipeline_checks_tests.stack.small_services import script, slow_to_end, web


@pytest.fixture
def provider(own_home):
    return EmbeddedProvider(own_home)


def _state(provider, name="web"):
    return next(s for s in provider.status([web()]) if s.name == name)


def _nothing_left(provider):
    return processes.left_behind(provider.home) == []


def test_up_twice_starts_once_and_down_leaves_nothing(provider):
    (first,) = provider.up([web()])
    assert first.state == "ready"
    assert first.seconds is not None
    (second,) = provider.up([web()])
    assert (second.pid, second.port, second.restarts) == (first.pid, first.port, 0)
    assert provider.down() == ["web"]
    assert _nothing_left(provider)
    assert not psutil.pid_exists(first.pid) or not processes.alive(first.pid)
    assert _state(provider).state == "stopped"
    assert provider.down() == []


def test_stopped_services_are_forgotten_and_the_others_go_on(provider):
    web_before, other = provider.up([web(), web("other")])
    assert provider.stop([web(), web("never_started")]) == ["web"]
    states = {s.name: s for s in provider.status([web(), web("other")])}
    assert (states["web"].state, states["web"].pid) == ("absent", None)
    assert (states["other"].state, states["other"].pid) == ("ready", other.pid)
    assert not psutil.pid_exists(web_before.pid) or not processes.alive(web_before.pid)
    again = {s.name: s for s in provider.up([web()])}
    assert (again["web"].state, again["web"].port) == ("ready", web_before.port)
    provider.stop([web(), web("other")])
    assert [s.state for s in provider.status([web()])] == ["stopped"]  # nothing is left that anyone brought up
    assert provider.up([web()])[0].ready


def test_status_tells_port_uptime_memory_and_log(provider):
    provider.up([web()])
    state = _state(provider)
    assert state.state == "ready"
    assert state.port == int(read_env(provider.home)["PIPELINE_CHECKS_PORT_WEB"])
    assert state.uptime_seconds >= 0
    assert state.memory_bytes > 1_000_000
    assert "serving" in state.log.read_text()
    assert state.to_json()["log"] == str(state.log)


def test_a_killed_process_is_started_again_and_counted(provider):
    (before,) = provider.up([web()])
    os.kill(before.pid, signal.SIGKILL)
    assert Deadline(20).wait_until(lambda: _state(provider).pid not in (None, before.pid) and _state(provider).ready)
    after = _state(provider)
    assert (after.port, after.restarts) == (before.port, 1)


def test_ports_are_kept_over_a_restart_and_forgotten_by_purge(provider):
    (before,) = provider.up([web()])
    provider.down()
    (after,) = provider.up([web()])
    assert after.port == before.port
    provider.down(purge=True)
    assert not provider.home.path.exists()


def test_a_kept_port_that_another_program_took_is_an_error(provider):
    (before,) = provider.up([web()])
    provider.down()
    refused = pytest.raises(TransientError, match=f"port {before.port}, which this stack used for web, is taken")
    with socket.create_server(("127.0.0.1", before.port)), refused:
        provider.up([web()])
    provider.up([web()])


def test_after_its_supervisor_was_killed_down_leaves_no_process(provider):
    (state,) = provider.up([web()])
    os.kill(provider._supervisor.pid(), signal.SIGKILL)
    assert Deadline(5).wait_until(lambda: not provider._supervisor.is_running())
    assert processes.alive(state.pid)
    assert "without its supervisor" in _state(provider).problem
    assert provider.down() == [f"process {state.pid}"]
    assert _nothing_left(provider)


def test_after_its_supervisor_was_killed_up_starts_anew(provider):
    (before,) = provider.up([web()])
    os.kill(provider._supervisor.pid(), signal.SIGKILL)
    assert Deadline(5).wait_until(lambda: not provider._supervisor.is_running())
    (after,) = provider.up([web()])
    assert (after.state, after.port) == ("ready", before.port)
    assert after.pid != before.pid
    assert not processes.alive(before.pid)


def test_a_second_up_adds_services_and_leaves_the_first_alone(provider):
    (first,) = provider.up([web()])
    both = provider.up([web(), web("other")])
    assert [s.name for s in both] == ["web", "other"]
    assert both[0].pid == first.pid
    assert sorted(provider.down()) == ["other", "web"]


def test_a_service_that_ends_at_once_fails_fast_with_the_end_of_its_log(provider):
    broken = web("broken", command=script("import sys; print('no such option: --fast'); sys.exit(3)"))
    deadline = Deadline(15)
    with pytest.raises(TerminalError, match=r"broken ends before it is ready(.|\n)*no such option: --fast") as error:
        provider.up([web(), broken])
    assert not deadline.passed
    assert str(provider.home.log("broken")) in error.value.next_step
    assert _state(provider).ready, "the others stay up"
    assert provider.up([web()])[0].ready


def test_a_service_that_never_answers_is_an_error_at_its_deadline(provider):
    silent = web(
        "silent", command=script("import time; print('thinking', flush=True); time.sleep(60)"), ready_seconds=2
    )
    with pytest.raises(TransientError, match=r"silent was not ready within 2 s: .*does not|silent is not ready"):
        provider.up([silent])


def test_a_service_waits_for_what_it_needs(provider):
    slow = web("slow", command=script("import time; time.sleep(60)"), ready_seconds=1)
    behind = web(depends_on=("slow",))
    with pytest.raises(TransientError, match="slow was not ready"):
        provider.up([slow, behind])
    assert not provider.home.log("web").exists()


def test_a_step_runs_at_every_up_when_what_it_needs_is_ready(provider):
    step = Service(
        "step",
        command=script("import os; print(open(os.environ['PIPELINE_CHECKS_HOME'] + '/services/web/file.json').read())"),
        depends_on=("web",),
        once=True,
    )
    told = []
    provider.up([step, web()], told.append)
    provider.up([step, web()])
    assert [(p.service, p.what) for p in told] == [("web", "ready"), ("step", "done")]
    assert provider.home.log("step").read_text() == "{}\n{}\n"


def test_a_step_that_fails_is_an_error_with_its_exit_code_and_log(provider):
    step = Service("step", command=script("raise SystemExit('the table is missing')"), once=True)
    with pytest.raises(TerminalError, match=r"step failed with exit code 1(.|\n)*the table is missing"):
        provider.up([step])


def test_variables_that_hide_the_stack_are_refused_before_anything_starts(provider, monkeypatch):
    monkeypatch.setenv("WEB_URL", "http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="the environment sets WEB_URL"):
        provider.up([web()])
    assert _nothing_left(provider)


_UP = """
import os, sys
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks_tests.stack.small_services import web
EmbeddedProvider(sys.argv[1]).up([web()])
print("up", flush=True)
sys.stdin.read()
"""


def test_services_outlive_the_command_and_another_one_stops_them(provider):
    command = subprocess.Popen(
        [sys.executable, "-c", _UP, str(provider.home.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert command.stdout.readline() == "up\n"
    command.kill()
    command.communicate()
    assert _state(provider).ready
    assert provider.down() == ["web"]
    assert _nothing_left(provider)


_UP_OF_A_SLOW_ONE = """
import signal, sys
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks_tests.stack.small_services import script, web
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
slow = web("slow", command=script("import time; print('thinking', flush=True); time.sleep(60)"), ready_seconds=60)
EmbeddedProvider(sys.argv[1]).up([slow, web()], lambda p: print(p.service, flush=True))
"""


def test_an_interrupted_command_ends_at_once_and_the_next_one_goes_on(provider):
    command = subprocess.Popen(
        [sys.executable, "-c", _UP_OF_A_SLOW_ONE, str(provider.home.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout.readline() == "web\n"
    pid = _state(provider).pid
    command.send_signal(signal.SIGINT)
    _, errors = command.communicate(timeout=20)
    assert errors.strip().endswith("KeyboardInterrupt")
    assert provider.up([web()])[0].pid == pid
    assert sorted(provider.down()) == ["slow", "web"]
    assert _nothing_left(provider)


def test_a_home_so_deep_that_no_socket_fits_works(own_home):
    deep = EmbeddedProvider(own_home / ("x" * 60) / ("y" * 60))
    try:
        (state,) = deep.up([web()])
        assert state.ready
        assert not deep.home.socket.is_relative_to(own_home)
    finally:
        deep.down(purge=True)
    assert not deep.home.outside.exists()


def test_two_homes_do_not_know_each_other(provider, own_home):
    other = EmbeddedProvider(Home(own_home / "other"))
    try:
        provider.up([web()])
        (second,) = other.up([web()])
        assert second.port != _state(provider).port
        provider.down()
        assert _state(other).ready
    finally:
        other.down(purge=True)


def test_what_is_still_ending_when_up_is_called_is_started_again(provider):
    before = provider.up([slow_to_end()])[0].pid
    Supervisor(provider.home).stop("web")
    after = provider.up([slow_to_end()])[0]
    assert after.ready
    assert after.pid != before
