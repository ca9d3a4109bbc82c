"""A text that PostgreSQL puts together: what is known when a query is compiled as literals, what the rows say as expressions between them."""

from __future__ import annotations

from typing import Final, Self

_ARGUMENTS: Final = 90
"""Of one `concat`: PostgreSQL's functions take 100."""


class Pieces:
    """Built up from left to right."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._literal = ""

    def text(self, literal: str) -> Self:
        """What is always there."""
        self._literal += literal
        return self

    def sql(self, expression: str) -> Self:
        """What an SQL expression of type text gives. It must never be null: `concat` would leave it out."""
        self._flush()
        self._parts.append(expression)
        return self

    @property
    def expression(self) -> str:
        """The whole, as one SQL expression."""
        self._flush()
        parts = self._parts
        while len(parts) > 1:
            parts = [_concat(parts[at : at + _ARGUMENTS]) for at in range(0, len(parts), _ARGUMENTS)]
        return parts[0] if parts else "''"

    def _flush(self) -> None:
        if self._literal:
            self._parts.append(quoted(self._literal))
            self._literal = ""


def quoted(text: str) -> str:
    """An SQL literal. For texts that are known when a query is compiled: names of the schema, and aliases, which are names too."""
    if "\\" in text or "\0" in text:
        raise ValueError(f"cannot stand in a statement: {text!r}")
    return "'" + text.replace("'", "''") + "'"


def _concat(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"concat({', '.join(parts)})"
