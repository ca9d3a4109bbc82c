"""Our own command line, which every user of the machine can read: a password that stands there is told of, and taken off it.

The program starts itself anew, the password in its environment, which only its own user can read. For the moment before that it was to be seen: so it is
better given otherwise in the first place.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import NoReturn

import typer


def is_on_command_line(option: str, value: str) -> bool:
    """Whether the option's value stands there (and does not come from the environment, or from a test)."""
    return bool(value) and (value in sys.orig_argv or f"{option}={value}" in sys.orig_argv)


def start_anew(option: str, value: str, without_password: str, environment: Mapping[str, str]) -> NoReturn:
    """Become the same program, with another value of the option and more in the environment. Says why."""
    typer.secho(
        f"{option}: a password on the command line is seen by every user of this machine: give it by environment or file",
        fg="yellow",
        err=True,
    )
    sys.stdout.flush()
    sys.stderr.flush()
    hidden = {value: without_password, f"{option}={value}": f"{option}={without_password}"}
    argv = [hidden.get(word, word) for word in sys.orig_argv]
    os.execve(sys.executable, argv, {**os.environ, **environment})  # noqa: S606  # ourselves, without a shell
