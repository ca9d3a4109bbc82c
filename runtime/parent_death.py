"""Ties a process to the life of its parent, so that a `kill -9` of the parent leaves nothing behind.

The kernel does it (PR_SET_PDEATHSIG). It forgets the wish when a process changes its user, and it fires when the *thread* that forked ends; so this
file is also a tiny program, run between fork and the real program: drop the user first, then make the wish, then exec. Start children from the
main thread only. This file imports nothing of Aetherius: it is run by path, before anything else is known to work.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(death_signal: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Have the kernel send `death_signal` to this process when its parent ends.

    `parent` is the pid that the caller takes for its parent: if that one is gone already, this process ends at once, with the signal.

    Raises:
        OSError: the kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), death_signal)


def guarded(argv: list[str], death_signal: int, uid: int | None = None, gid: int | None = None) -> list[str]:
    """The command line that runs `argv` (program by full path) tied to the calling process, as another user if told."""
    user = [str(-1 if uid is None else uid), str(-1 if gid is None else gid)]
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(death_signal)), *user, *argv]


def _drop_to(uid: int, gid: int) -> None:
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _main() -> None:
    parent, death_signal, uid, gid = (int(word) for word in sys.argv[1:5])
    _drop_to(uid, gid)
    die_with_parent(death_signal, parent)
    os.execve(sys.argv[5], sys.argv[5:], os.environ)  # noqa: S606  # no shell is the point


if __name__ == "__main__":
    _main()
