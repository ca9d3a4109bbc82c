"""Reads the words of a kubectl line as kubectl's own parser does: which words are flags, which are their values, and which are neither.

Refuses nothing and knows no rules but which flags take no value. Whoever orders a command and whoever runs it read it with this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import msgspec


class Word(msgspec.Struct, frozen=True):
    """A word that is no flag: a verb, a type, a name."""

    text: str


class Flag(msgspec.Struct, frozen=True):
    """A flag as it was written. `value` is None where none was given; `apart`: it was the next word."""

    name: str
    value: str | None = None
    apart: bool = False


def read_line(words: Sequence[str], booleans: AbstractSet[str]) -> list[Word | Flag]:
    """The line in pieces.

    Args:
        words: what follows `kubectl`, or its verb.
        booleans: the flags whose value, if they have one, follows an equals sign. Any other flag takes what follows, also what begins with a dash.
    """
    pieces: list[Word | Flag] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word == "-":
            pieces.append(Word(word))
        elif word.startswith("--"):
            pieces.append(_long(word, rest, booleans))
        else:
            pieces.extend(_short(word[1:], rest, booleans))
    return pieces


def _long(word: str, rest: Iterator[str], booleans: AbstractSet[str]) -> Flag:
    name, equals, value = word.partition("=")
    if equals:
        return Flag(name, value)
    if name in booleans or name == "--":
        return Flag(name)
    return Flag(name, next(rest, None), apart=True)


def _short(letters: str, rest: Iterator[str], booleans: AbstractSet[str]) -> Iterator[Flag]:
    """One word of letters: `-Aowide` is `-A`, and `-o` with its value."""
    while letters:
        name, letters = f"-{letters[0]}", letters[1:]
        if len(letters) > 1 and letters[0] == "=":
            yield Flag(name, letters[1:])
            return
        if name not in booleans:
            yield Flag(name, letters) if letters else Flag(name, next(rest, None), apart=True)
            return
        yield Flag(name)
