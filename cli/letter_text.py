"""Dead letters in words. What a stranger sent is never given to a terminal as it came: what is not printable is escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aetherius.agent_manager.letters.dead_letter import DeadLetter

_COLUMNS = ("sequence", "time", "cluster", "subject", "place", "size", "reason")


def print_table(letters: Sequence[DeadLetter]) -> None:
    """One row a letter."""
    table = Table(*_COLUMNS, box=None, header_style="bold")
    for letter in letters:
        table.add_row(*(Text(printable(cell)) for cell in _cells(letter)))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{len(letters)} dead letters" if letters else "no dead letters")


def as_text(letter: DeadLetter, payload: bytes) -> str:
    """All of one letter."""
    head = [f"{name:<9} {printable(cell)}" for name, cell in zip(_COLUMNS, _cells(letter), strict=True)]
    if letter.cut_from is not None:
        head.append(f"{'cut from':<9} {letter.cut_from} bytes: it cannot be sent again")
    told = [f"{printable(name)}: {printable(value)}" for name, value in letter.headers.items()]
    return "\n".join([*head, "", *told, "", escaped(payload)])


def as_json(letter: DeadLetter, payload: bytes | None = None) -> dict[str, Any]:
    """One letter for programs; the bytes as base64."""
    told: dict[str, Any] = {
        "sequence": letter.sequence,
        "time": letter.at.isoformat(),
        "cluster": letter.cluster,
        "subject": letter.subject,
        "source": letter.source,
        "line": letter.line,
        "size": letter.size,
        "cut_from": letter.cut_from,
        "reason": letter.reason,
    }
    if payload is not None:
        told |= {"headers": letter.headers, "data": base64.b64encode(payload).decode()}
    return told


def escaped(payload: bytes) -> str:
    """Bytes for a terminal: UTF-8 with its line ends, everything else that is not printable as an escape."""
    return "\n".join(printable(line) for line in payload.decode(errors="backslashreplace").split("\n"))


def printable(text: str) -> str:
    """The text without what a terminal would obey: control codes, and marks that turn the direction of writing."""
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _cells(letter: DeadLetter) -> tuple[str, ...]:
    return (
        str(letter.sequence),
        letter.at.isoformat(timespec="seconds"),
        letter.cluster,
        letter.subject,
        letter.place,
        str(letter.size),
        letter.reason,
    )
