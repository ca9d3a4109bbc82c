"""SQL from files: one statement a file, read once. The one loader of all rooms."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from psycopg.sql import SQL


@cache
def sql_file(package: str, name: str) -> SQL:
    """The statement of `sql/<name>.sql` in a room or package (`aetherius.readers`); what is left open in it are the caller's names.

    The text comes from our own files, never from outside.
    """
    folder = files(package).joinpath("sql")
    return SQL(folder.joinpath(*f"{name}.sql".split("/")).read_text(encoding="utf-8").strip())


@cache
def sql_files(package: str, folder: str) -> tuple[SQL, ...]:
    """The statements of all files of `sql/<folder>/`, in the order of their names."""
    found = files(package).joinpath("sql").joinpath(*folder.split("/")).iterdir()
    names = sorted(each.name for each in found if each.name.endswith(".sql"))
    return tuple(sql_file(package, f"{folder}/{name.removesuffix('.sql')}") for name in names)
