"""The folder where a process keeps its state: one holder at a time, secrets that only its owner reads.

The lock is flock on `<folder>/lock`: the kernel frees it when the holder dies, so nothing is ever stale. The holder writes its pid there for the
error message of the next.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from aetherius.runtime.errors import FolderInUseError, FolderUnreachableError


class FolderLock:
    """Holds a folder (made if missing) for one process; free again on `release` or death."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the folder.

        Raises:
            FolderInUseError: another process holds it. Safe to repeat.
        """
        make_folder(self.folder)
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 20, 0).decode(errors="replace").strip()
            os.close(fd)
            raise FolderInUseError(self.folder, _in_words(holder)) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """Let go; safe to repeat."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def make_folder(folder: Path) -> None:
    """Make a folder, and its parents, if missing: only its owner can list it, but root's can be passed, as servers run by other users must."""
    if not folder.exists():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _in_words(pid: str) -> str:
    command = command_line(int(pid)) if pid.isdigit() else ""
    return f"process {pid} ({command})" if command else f"process {pid or 'unknown'}"


def command_line(pid: int) -> str:
    """The command line of a living process, empty for one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all (also across a power cut). Of several writers the last one counts."""
    _private_draft(path, text).replace(path)


def write_private_once(path: Path, text: str) -> None:
    """As `write_private`, but a file that is there stays: of several writers the first one counts, and all read the same afterwards."""
    draft = _private_draft(path, text)
    try:
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def _private_draft(path: Path, text: str) -> Path:
    """The text in a file of its own beside `path`."""
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def first_closed_folder(path: Path, uid: int, gid: int) -> Path | None:
    """The outermost folder on the way to `path` (itself included, if a folder) that this user may not enter; None: all are open."""
    for folder in (*reversed(path.absolute().parents), path.absolute()):
        found = folder.stat()
        if not stat.S_ISDIR(found.st_mode):
            continue
        bit = stat.S_IXUSR if found.st_uid == uid else stat.S_IXGRP if found.st_gid == gid else stat.S_IXOTH
        if not found.st_mode & bit:
            return folder
    return None


def require_reachable(path: Path, uid: int, gid: int, user: str) -> None:
    """Check that a user can enter every folder on the way to `path`. Raises ``FolderUnreachableError``, naming the first closed one."""
    if closed := first_closed_folder(path, uid, gid):
        raise FolderUnreachableError(closed, user, path)


def state_folder(preferred: Path) -> Path:
    """Where to keep state: the preferred folder, unless we are root and it lies where other users may not go, as below /root.

    Servers that root must not run could not work there; then it is a folder of its own in /var/lib/aetherius, always the same for one preferred.
    """
    preferred = preferred.absolute()
    existing = next(folder for folder in (preferred, *preferred.parents) if folder.exists())
    if os.geteuid() != 0 or first_closed_folder(existing, _NOBODY, _NOBODY) is None:
        return preferred
    return Path("/var/lib/aetherius") / hashlib.sha256(os.fsencode(preferred)).hexdigest()[:12]


_NOBODY = 65534
"""A user and group that own nothing: passing for them, a folder passes for everyone."""
