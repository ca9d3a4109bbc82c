"""How commands show rows: a table for people, JSON and YAML for programs."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table


class Output(enum.StrEnum):
    """The forms."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="table, or json or yaml for programs.")]


def show(rows: Sequence[dict[str, Any]], output: Output) -> None:
    """Print rows that all have the same keys; none print nothing but the JSON's brackets."""
    if output is Output.JSON:
        typer.echo(json.dumps(rows, default=str))
        return
    if output is Output.YAML:
        from ruamel.yaml import YAML

        YAML(typ="safe").dump(json.loads(json.dumps(rows, default=str)), sys.stdout)
        return
    if not rows:
        return
    table = Table(*rows[0], box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console(highlight=False, soft_wrap=True).print(table)


def show_one(row: dict[str, Any], output: Output) -> None:
    """Print one row that has many fields: a table has a line for each."""
    show([{"": key, "value": value} for key, value in row.items()] if output is Output.TABLE else [row], output)
