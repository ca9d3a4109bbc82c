"""Folders that hold state: who may enter, who holds them, and where they are."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aetherius.runtime.data_folder import FolderLock, first_closed_folder, make_folder, state_folder, write_private
from aetherius.runtime.errors import FolderInUseError, PortTakenError
from aetherius.runtime.ports import free_port, kept_port

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root must mind other users")


def test_the_outermost_closed_folder_is_named(open_folder: Path) -> None:
    way = open_folder / "closed" / "open" / "closed-too"
    way.mkdir(parents=True)
    assert first_closed_folder(way, NOBODY, NOBODY) is None
    for closed in (way, open_folder / "closed"):
        closed.chmod(0o700)
        assert first_closed_folder(way, NOBODY, NOBODY) == closed
    assert first_closed_folder(way, os.geteuid(), os.getegid()) is None, "the owner may"


@as_root
def test_roots_state_moves_out_of_a_closed_place(tmp_path: Path, open_folder: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    moved = state_folder(tmp_path / "home" / "checkout" / ".data")
    assert moved.parent == Path("/var/lib/aetherius")
    assert moved == state_folder(tmp_path / "home" / "checkout" / ".data")
    assert moved != state_folder(tmp_path / "home" / "another" / ".data")
    assert state_folder(open_folder / "checkout" / ".data") == open_folder / "checkout" / ".data"


def test_a_new_folder_cannot_be_listed_by_others(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o066 == 0


def test_a_dead_holders_folder_is_free(tmp_path: Path) -> None:
    program = "import os, pathlib, sys; from aetherius.runtime.data_folder import FolderLock\n"
    program += "FolderLock(pathlib.Path(sys.argv[1])).acquire(); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=120).returncode == -9
    with FolderLock(tmp_path), pytest.raises(FolderInUseError, match=f"process {os.getpid()}"):
        FolderLock(tmp_path).acquire()


def test_a_private_file_replaces_an_open_one(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)


def test_a_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    port = kept_port(tmp_path / "port")
    assert kept_port(tmp_path / "port") == port
    with socket.create_server(("127.0.0.1", port)):
        assert kept_port(tmp_path / "port") != port


def test_a_wanted_port_that_is_taken_is_an_error(tmp_path: Path) -> None:
    port = free_port()
    assert kept_port(tmp_path / "port", port) == port
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTakenError, match=f"port {port}"):
        kept_port(tmp_path / "port", port)
