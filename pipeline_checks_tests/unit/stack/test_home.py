"""The home, stack.env and the lock."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError
from pipeline_checks.stack.environment import read_env, refuse_contradictions, replace_file, write_env
from pipeline_checks.stack.home import Home, private_folder, reachable_by_others, writing
from pipeline_checks.stack.locking import exclusive


def test_settings_are_read_as_they_were_written(tmp_path):
    home = Home(tmp_path)
    write_env(home, {"POSTGRES_URL": "postgresql://postgres@127.0.0.1:1/x?a=b", "EMPTY": ""})
    assert read_env(home) == {"POSTGRES_URL": "postgresql://postgres@127.0.0.1:1/x?a=b", "EMPTY": ""}


def test_settings_are_found_by_the_clients(tmp_path, monkeypatch):
    from pipeline_checks.clients.settings import setting

    monkeypatch.setenv("PIPELINE_CHECKS_HOME", str(tmp_path))
    monkeypatch.delenv("CONNECT_URL", raising=False)
    write_env(Home.current(), {"CONNECT_URL": "http://127.0.0.1:1"})
    assert setting("CONNECT_URL") == "http://127.0.0.1:1"


def test_only_the_user_may_read_the_settings(tmp_path):
    write_env(Home(tmp_path), {"S3_SECRET_KEY": "secret"})
    assert (tmp_path / "stack.env").stat().st_mode & 0o077 == 0


def test_no_settings_are_there_before_the_first_start(tmp_path):
    assert read_env(Home(tmp_path)) == {}


def test_a_setting_with_a_line_break_is_refused(tmp_path):
    with pytest.raises(TerminalError, match="NAME holds a line break"):
        write_env(Home(tmp_path), {"NAME": "a\nb"})


def test_a_file_is_replaced_whole_and_no_part_stays_behind(tmp_path):
    replace_file(tmp_path / "file", "old")
    replace_file(tmp_path / "file", "new")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["new"]


def test_variables_that_would_hide_the_stack_are_refused_without_their_values(monkeypatch):
    monkeypatch.setenv("POSTGRES_URL", "postgresql://me:secret@elsewhere/x")
    with pytest.raises(ConfigurationError, match="the environment sets POSTGRES_URL") as error:
        refuse_contradictions({"POSTGRES_URL": "postgresql://here/x"}, ["POSTGRES_URL"])
    assert "secret" not in str(error.value)


def test_variables_that_say_the_same_as_the_stack_are_fine(monkeypatch):
    monkeypatch.setenv("POSTGRES_URL", "postgresql://here/x")
    refuse_contradictions({"POSTGRES_URL": "postgresql://here/x"}, ["POSTGRES_URL"])


def test_a_home_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="Set PIPELINE_CHECKS_HOME to a folder that you may write to"):
        Home(tmp_path / "file" / "home").make()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_without_permission_is_an_error_that_says_what_to_do(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        Home(tmp_path / "home").make()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_full_disk_is_an_error_that_says_what_to_do():
    with (
        pytest.raises(TerminalError, match=r"is left on the disk of /dev/full Free some space"),
        writing(Path("/dev/full")),
    ):
        Path("/dev/full").write_text("x")


def test_the_socket_lies_in_the_home_where_its_path_is_short_and_elsewhere_where_it_is_not():
    assert Home(Path("/srv/home")).socket == Path("/srv/home/supervisor.sock")
    deep = Home(Path("/srv") / ("x" * 100))
    assert len(os.fsencode(deep.socket)) < 100
    assert not deep.socket.is_relative_to(deep.path)
    assert deep.socket == Home(deep.path).socket != Home(Path("/srv") / ("y" * 100)).socket


def test_a_folder_below_a_closed_one_is_not_reachable_by_others(tmp_path):
    closed = tmp_path / "closed"
    (closed / "open").mkdir(parents=True)
    closed.chmod(0o700)
    (closed / "open").chmod(0o755)
    assert not reachable_by_others(closed / "open")
    assert not reachable_by_others(closed / "open" / "not there yet")
    assert reachable_by_others(Path("/usr/bin"))


def test_a_link_in_place_of_a_private_folder_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="not a folder of this user"):
        private_folder(tmp_path / "root" / "key")


_HOLD = """
import sys
from pathlib import Path
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.locking import exclusive
with exclusive(Home(Path(sys.argv[1])), "up"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_command_is_refused_naming_the_first(tmp_path, holder):
    with (
        pytest.raises(TransientError, match=f"`up` of process {holder.pid}, since"),
        exclusive(Home(tmp_path), "down", seconds=0.1),
    ):
        pass


def test_the_lock_of_a_killed_command_is_no_lock(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert (tmp_path / "stack.owner").exists()
    with exclusive(Home(tmp_path), "up", seconds=0.1):
        pass
    assert not (tmp_path / "stack.owner").exists()


def test_too_little_space_is_told_before_anything_is_started(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline_checks.stack.home.SPACE_NEEDED", 1 << 60)
    with pytest.raises(TerminalError, match="no space, or too little, is left"):
        Home(tmp_path / "home").make()
