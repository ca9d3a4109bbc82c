"""Migrates a database with the files of a folder, as a process that can be killed: `DSN FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from aetherius.runtime.migrations.migrate import migrate
from aetherius.runtime.migrations.room import Room, read

if __name__ == "__main__":
    dsn, folder = sys.argv[1:]
    migrate(dsn, [Room("a", read("a", Path(folder)))], progress=print)
