"""How containers ended, by `kubectl describe pod`: read line by line, so a text of any make costs no more than its length."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

_DIGITS: Final = 10
_TIME: Final = "%a, %d %b %Y %H:%M:%S %z"
_STATES: Final = frozenset({"State", "Last State"})


class Termination(msgspec.Struct, frozen=True, kw_only=True):
    """One end. `container` is empty, and `finished` None, where the text does not say."""

    step: str
    container: str = ""
    reason: str
    exit_code: int
    finished: datetime | None = None
    present: bool = False
    """It is the container's state now, not its last one."""


def terminations_in(step: str, text: str) -> Iterator[Termination]:
    """Every end in a description, of each container the last state before the present one."""
    for container, blocks in _containers(text):
        found = [end for title, fields in blocks if (end := _termination(step, container, title, fields))]
        yield from sorted(found, key=lambda each: each.present)


def _containers(text: str) -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """The states of each container, with their fields."""
    container, blocks = "", list[tuple[str, dict[str, str]]]()
    for line in text.splitlines():
        depth, (name, _, value) = len(line) - len(line.lstrip(" ")), line.strip().partition(":")
        if depth == 2 and not value and name:
            yield container, blocks
            container, blocks = name, []
        elif name in _STATES:
            blocks.append((name, {"": value.strip()}))
        elif depth > 4 and blocks:
            blocks[-1][1].setdefault(name, value.strip())
        elif blocks:
            blocks.append(("", {}))
    yield container, blocks


def _termination(step: str, container: str, title: str, fields: dict[str, str]) -> Termination | None:
    code = fields.get("Exit Code", "")
    if fields.get("") != "Terminated" or not code.isdecimal() or len(code) > _DIGITS:
        return None
    return Termination(
        step=step,
        container=container,
        reason=fields.get("Reason", "") or "Error",
        exit_code=int(code),
        finished=_time(fields.get("Finished", "")),
        present=title == "State",
    )


def _time(text: str) -> datetime | None:
    try:
        at = datetime.strptime(text, _TIME).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year > 1 else None
