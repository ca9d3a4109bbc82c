"""`aetherius case run`: what the real path makes of a file of watch events, without a cluster, a server or waiting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from aetherius.cli.missing import explained
from aetherius.domain.errors import DomainError
from aetherius.domain.wire.command import parse_duration

app = typer.Typer(help="Cases: files of watch events, and what comes of them.", no_args_is_help=True)
_LONGEST_QUIET: Final = 30 * 86_400.0


@app.callback()
def case() -> None:
    """Cases: files of watch events, and what comes of them."""


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="JSON lines, each {now, type, object}.")],
    quiet: Annotated[
        str, typer.Option(help="Time after the last line in which nothing more is seen: 30s, 10m, 1h.")
    ] = "1h",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Play a case through collector, log, correlator, workflows and rules, and print what came of it."""
    with explained():
        from aetherius.cli.case.lines import read_lines
        from aetherius.cli.case.play import play

        try:
            seconds = _quiet(quiet)
            outcome = play(read_lines(file.read_bytes().splitlines()), seconds)
        except (DomainError, OSError) as exc:
            typer.secho(f"{file}: {exc}", fg="red", err=True)
            raise typer.Exit(2) from exc
        _show(outcome, as_json)


def _quiet(text: str) -> float:
    seconds = parse_duration(text)
    if seconds > _LONGEST_QUIET:
        raise typer.BadParameter(f"--quiet {text} is longer than 30 days")
    return seconds


def _show(outcome: Any, as_json: bool) -> None:
    import msgspec

    if as_json:
        typer.echo(msgspec.json.encode(outcome).decode())
        return
    for line in _lines(msgspec.to_builtins(outcome)):
        typer.echo(line)


def _lines(outcome: dict[str, list[Any]]) -> Iterator[str]:
    for title, rows in outcome.items():
        yield f"{title}: {len(rows)}"
        for row in rows:
            yield f"  {row}" if isinstance(row, str) else "  " + "  ".join(_cells(row))


def _cells(row: dict[str, Any]) -> Iterator[str]:
    for name, value in row.items():
        text = "; ".join(value) if isinstance(value, list) else str(value)
        if text and text != "{}":
            yield f"{name}={text}"
