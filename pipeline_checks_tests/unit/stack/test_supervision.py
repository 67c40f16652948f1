"""The configuration of supervisord, as supervisord itself reads it; restarts; finding processes."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from supervisor.datatypes import RestartUnconditionally
from supervisor.options import ServerOptions

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.stack import processes
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.status import restarts
from pipeline_checks.stack.supervision import Program, Supervisor, configuration


def _read(home, text):
    home.make()
    home.supervisor_config.write_text(text)
    options = ServerOptions()
    options.realize(["-c", str(home.supervisor_config)])
    return {group.name: group.process_configs[0] for group in options.process_group_configs}


def test_supervisord_reads_what_was_meant(tmp_path):
    home = Home(tmp_path / "my home")
    program = Program(
        name="kafka",
        command=("/usr/bin/java", "-Da=b c", "it's", "%d 100%"),
        folder=tmp_path,
        log=home.log("kafka"),
        environment={"PASSWORD": "a,b'c=%(x)s", "QUOTED": 'say "yes" now'},
        rank=2,
        stop_signal="INT",
        stop_seconds=7,
    )
    config = _read(home, configuration(home, [program]))["kafka"]
    assert shlex.split(config.command) == list(program.command)
    assert config.environment == dict(program.environment)
    assert (config.autostart, config.stopwaitsecs) == (False, 7)
    assert config.autorestart is RestartUnconditionally
    assert config.stdout_logfile == str(home.log("kafka"))
    assert config.stdout_logfile_maxbytes > 0


def test_a_value_that_the_configuration_cannot_hold_is_refused(tmp_path):
    home = Home(tmp_path)
    with pytest.raises(ConfigurationError, match="holds quotes"):
        configuration(home, [Program("a", ("x",), tmp_path, tmp_path / "l", {"N": "'\""})])
    with pytest.raises(ConfigurationError, match="holds a '%'"):
        configuration(Home(tmp_path / "100%"), [])
    with pytest.raises(ConfigurationError, match="cannot stand in the configuration"):
        configuration(home, [Program("a", ("x", "b ;c"), tmp_path, tmp_path / "l")])


def test_without_a_supervisor_nothing_runs(tmp_path):
    supervisor = Supervisor(Home(tmp_path))
    assert not supervisor.is_running()
    assert supervisor.processes() == {}


def test_restarts_are_those_since_the_supervisor_was_started(tmp_path):
    log = tmp_path / "supervisord.log"
    log.with_name("supervisord.log.1").write_text("WARN exited: kafka (exit status 1; not expected)\n")
    log.write_text(
        "INFO supervisord started with pid 1\n"
        "WARN exited: kafka (terminated by SIGKILL; not expected)\n"
        "INFO stopped: connect (exit status 0)\n"
        "WARN exited: kafka (exit status 1; not expected)\n"
    )
    assert restarts(log) == {"kafka": 2}
    assert restarts(tmp_path / "none.log") == {}


@pytest.fixture
def marked(tmp_path):
    script = "import subprocess,sys; c=subprocess.Popen(['sleep','60'],env={}); print(c.pid,flush=True); c.wait()"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, processes.MARK: str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(process.stdout.readline())
    yield process, child
    for pid in (process.pid, child):
        try:
            psutil.Process(pid).kill()
        except psutil.NoSuchProcess:
            pass
    process.communicate()


def test_processes_of_a_home_are_found_by_their_mark_with_their_children_and_ended(tmp_path, marked):
    process, child = marked
    found = processes.left_behind(Home(tmp_path))
    assert {p.pid for p in found} == {process.pid, child}
    assert processes.left_behind(Home(tmp_path / "other")) == []
    assert set(processes.end(found, 5)) == {process.pid, child}
    assert not processes.alive(process.pid)
    assert not processes.alive(child)


def test_processes_of_a_home_are_found_by_the_record(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as process:
        processes.record(Home(tmp_path), {"kafka": process.pid})
        assert [p.pid for p in processes.left_behind(Home(tmp_path))] == [process.pid]
        process.kill()


def test_a_process_that_was_given_a_recorded_id_later_is_left_alone(tmp_path):
    home = Home(tmp_path)
    home.processes_file.write_text(json.dumps({"kafka": {"pid": os.getpid(), "started": 1.0}}))
    assert processes.left_behind(home) == []


def test_memory_counts_a_process_that_lives_and_nothing_else():
    assert processes.memory(os.getpid()) > 1_000_000
    with subprocess.Popen(["true"]) as process:
        process.wait()
        assert processes.memory(process.pid) == 0


def test_the_user_of_the_server_is_none_unless_we_are_root():
    from pipeline_checks.stack.services.postgres import user

    assert user() == ("nobody" if os.geteuid() == 0 else None)
    assert Path("/").exists()
