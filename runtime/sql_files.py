"""SQL from files: one statement a file, read once. The one loader of all rooms."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import LiteralString

from psycopg.sql import SQL


@cache
def sql_file(package: str, name: str) -> SQL:
    """The statement of `sql/<name>.sql` in a room or package (`aetherius.readers`); what is left open in it are the caller's names.

    The text comes from our own files, never from outside.
    """
    folder = files(package).joinpath("sql")
    return SQL(folder.joinpath(*f"{name}.sql".split("/")).read_text(encoding="utf-8").strip())


def sql_texts(folder: Traversable) -> list[tuple[str, LiteralString]]:
    """Name and text of each SQL file in a folder of ours, in the order of their names."""
    found = sorted((each for each in folder.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name)
    return [(each.name, each.read_text(encoding="utf-8").strip()) for each in found]
