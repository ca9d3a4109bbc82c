"""Where a quoted value ends, also when the quotes themselves were quoted, once or several times: `\\"x\\"` within a string of JSON within another."""

from __future__ import annotations

import msgspec

_FARTHEST = 4096
"""Characters until which an end is looked for."""


class Quote(msgspec.Struct, frozen=True):
    """The sign that opened a value: its last character, and how many backslashes stood before it."""

    sign: str
    depth: int

    @classmethod
    def of(cls, opened: str) -> Quote:
        """The quote that a text of backslashes and a sign opens."""
        return cls(opened[-1], len(opened) - 1)

    def closes(self, backslashes: int) -> bool:
        """Whether a sign behind so many backslashes ends the value: what is quoted within has more of them."""
        return backslashes % (2 * (self.depth + 1)) == self.depth


def closing(text: str, start: int, quote: Quote) -> int:
    """Where the value ends; that of a quote that nobody closed, at the end of its line."""
    at, most = start, min(len(text), start + _FARTHEST)
    while (at := text.find(quote.sign, at, most)) >= 0:
        before = text[max(start, at - 64) : at]
        backslashes = len(before) - len(before.rstrip("\\"))
        if quote.closes(backslashes) or backslashes < quote.depth:
            return at - backslashes if backslashes == quote.depth else at - quote.depth
        at += 1
    end = text.find("\n", start)
    return len(text) if end < 0 else end
