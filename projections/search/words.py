"""How text becomes words, for documents and for questions alike, so that every search server finds the same.

A word is a run of letters and digits, in one case (`NFKC`, then case folding). The servers get words that are cut already, and do no analysis of their own: what
one calls a word, another would not. Parts of a text are set apart by a sign that nobody can ask for, so that no phrase reaches from one part into the next.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

LONGEST: Final = 64
"""Characters of a word that count: longer ones are alike if these are."""
MOST: Final = 60_000
"""Characters of a document's words: PostgreSQL takes a megabyte, of which each word costs a few bytes more."""
_SHORT: Final = 64
_APART: Final = " | "
_WORD: Final = re.compile(r"[^\W_]+")
_ASCII: Final = re.compile(r"[a-z0-9]+")


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    if text.isascii():
        return [word[:LONGEST] for word in _ASCII.findall(text.lower())]
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return [word[:LONGEST] for word in _WORD.findall(folded)]


def text_of(parts: Iterable[str]) -> str:
    """What a document is found by: the words of its parts, one space between two, and a bar between parts. What is too much is cut off."""
    text = _APART.join(
        [
            words
            for part in parts
            if part and (words := _joined(part) if len(part) <= _SHORT else " ".join(words_of(part)))
        ]
    )
    return text if len(text) <= MOST else text[:MOST].rpartition(" ")[0]


@lru_cache(maxsize=20_000)
def _joined(name: str) -> str:
    """The words of a short text: names and reasons come again and again."""
    return " ".join(words_of(name))
