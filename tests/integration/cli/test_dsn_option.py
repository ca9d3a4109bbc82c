"""`--dsn` and `--nats-url`: from a file or the environment, and never with their password in the list of processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typer.testing import CliRunner

from aetherius.cli.main import app
from aetherius.event_store import schema

PROGRAM = [sys.executable, "-m", "aetherius.cli.main"]
WARNING = "a password on the command line is seen by every user"


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "AETHERIUS_"))}


@pytest.fixture
def dsn_of_a_log(dsn: str) -> str:
    schema.create(dsn)
    assert conninfo_to_dict(dsn)["password"], "the tests' server wants one"
    return dsn


def test_an_address_comes_from_a_file(dsn_of_a_log: str, tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    file.write_text(f"{dsn_of_a_log}\n")
    for command in (["log", "status"], ["audit", "verify"]):
        result = CliRunner().invoke(app, [*command, "--dsn", f"@{file}"])
        assert result.exit_code == 0, result.output
        assert WARNING not in result.output


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["log", "status", "--dsn", f"@{tmp_path}/none"])
    assert result.exit_code == 2
    assert "none cannot be read" in result.output


@pytest.mark.parametrize("glued", [False, True], ids=["--dsn ADDRESS", "--dsn=ADDRESS"])
def test_a_command_works_with_a_password_on_its_line_and_warns(dsn_of_a_log: str, glued: bool) -> None:
    words = [f"--dsn={dsn_of_a_log}"] if glued else ["--dsn", dsn_of_a_log]
    done = subprocess.run(
        [*PROGRAM, "audit", "verify", *words],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(WARNING) == 1


def test_an_address_in_the_environment_needs_no_warning(dsn_of_a_log: str) -> None:
    given = {**environment(), "AETHERIUS_POSTGRES_DSN": dsn_of_a_log}
    done = subprocess.run(
        [*PROGRAM, "log", "status"], capture_output=True, text=True, timeout=60, env=given, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(
    not Path("/proc/self/cmdline").exists(), reason="NO /proc: what others see cannot be looked at here"
)
@pytest.mark.parametrize("form", ["uri", "words"])
def test_while_it_works_the_list_of_processes_shows_no_password(form: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        port = silent.getsockname()[1]
        parts = {"host": "127.0.0.1", "port": str(port), "user": "u", "password": "hunter2 +?", "dbname": "d"}
        uri = f"postgresql://u:hunter2%20%2B%3F@127.0.0.1:{port}/d"
        dsn = uri if form == "uri" else make_conninfo("", **parts)
        command = [*PROGRAM, "log", "status", "--dsn", dsn]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment()) as program:
            try:
                connection, _ = silent.accept()  # it works, and waits for an answer
                with connection:
                    seen = Path(f"/proc/{program.pid}/cmdline").read_bytes()
                    private = Path(f"/proc/{program.pid}/environ").read_bytes()
            finally:
                program.kill()
    assert b"hunter2" not in seen
    assert f"port={port}".encode() in seen
    assert b"PGPASSWORD=hunter2 +?" in private.split(b"\0")


def test_an_address_without_a_password_is_left_as_it_is() -> None:
    command = [*PROGRAM, "log", "status", "--dsn", "host=127.0.0.1 port=1 user=u dbname=d"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment(), check=False)
    assert done.returncode != 0
    assert WARNING not in done.stderr


@pytest.mark.skipif(
    not Path("/proc/self/cmdline").exists(), reason="NO /proc: what others see cannot be looked at here"
)
def test_the_address_of_the_broker_is_hidden_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        url = f"nats://u:hunter2@127.0.0.1:{silent.getsockname()[1]}"
        command = [*PROGRAM, "dead-letters", "list", "--nats-url", url]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as program:
            try:
                connection, _ = silent.accept()
                with connection:
                    seen = Path(f"/proc/{program.pid}/cmdline").read_bytes()
            finally:
                program.kill()
            assert program.stderr is not None
            assert "hunter2" not in program.stderr.read()
    assert b"hunter2" not in seen
    assert b"--nats-url" in seen
