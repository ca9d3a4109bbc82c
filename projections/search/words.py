"""How text becomes words, for documents and for questions alike, so that every search server finds the same.

A word is a run of letters and digits, in one case and without accents (`NFKD`, case folding, then the signs of `_IGNORED` go and the rest is put together). In scripts that
set no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) every letter is a word of its own, so that any part of a run is found. What is written in one go is
one **term**: its words must follow one another. The servers get words that are cut already, and do no analysis of their own: what one calls a word, another would not. Parts
of a text are set apart by a sign that nobody can ask for, so that no phrase reaches from one part into the next.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

VERSION: Final = 2
"""Of how words are cut. An index that was filled by an older one is made again: raise this with every change here that makes other words."""
LONGEST: Final = 64
"""Characters of a word: what is longer becomes several, one behind the other."""
MOST: Final = 60_000
"""Characters of a document's words: PostgreSQL takes a megabyte, of which each word costs a few bytes more."""
_SHORT: Final = 64
_APART: Final = " | "
_ASCII: Final = re.compile(r"[a-z0-9]+")
_IGNORED: Final = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    "\u00ad\u180b-\u180f\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef"
)
"""Signs above and below Latin, Greek, Cyrillic, Hebrew, Arabic and Syriac letters; and what is not seen: joiners, places to break a line, forms of a letter. The vowels of Thai or Hindi, and what makes another sound of a kana, are no accents."""
_NO_SPACES: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"  # south-eastern Asia
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3038-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"  # kana, signs, bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00016fe0-\U00018d8f\U0001b000-\U0001b16f\U00020000-\U0003ffff"  # ideographs
)
"""Scripts without spaces between words."""
_STROKES: Final = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})
"""Letters whose accent is part of them."""
_LAST_MARK: Final = 0x1F000
"""Behind all signs but those that only choose a form of the letter before them."""


def _marks() -> str:
    """Ranges of the signs that belong to a word although Python's `re` takes them for none of its letters."""
    ranges: list[list[int]] = []
    for code in range(0x300, _LAST_MARK):
        if unicodedata.category(chr(code)) in ("Mn", "Mc"):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


_MARKS: Final = _marks()
_IGNORE: Final = re.compile(f"[{_IGNORED}]+")
_TERM: Final = re.compile(rf"(?:[^\W_]|[{_MARKS}])+")
_WORD: Final = re.compile(rf"[{_NO_SPACES}]|[^{_NO_SPACES}]{{1,{LONGEST}}}")
_ALONE: Final = re.compile(f"[{_NO_SPACES}]")


def terms_of(text: str) -> list[list[str]]:
    """The terms of a text, in order, each with its words: one, but for scripts without spaces and for what is very long."""
    return [_WORD.findall(term) for term in _runs(text)]


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    return [word for term in terms_of(text) for word in term]


def stands_alone(word: str) -> bool:
    """Whether a word is a letter of a script without spaces, which no other word begins with."""
    return _ALONE.match(word) is not None


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


def _runs(text: str) -> Iterator[str]:
    if text.isascii():
        return (found[0] for found in _ASCII.finditer(text.lower()))
    return (found[0] for found in _TERM.finditer(folded(text)))


def folded(text: str) -> str:
    """A text in one case and without accents, however it was written."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFKC", _IGNORE.sub("", apart).translate(_STROKES))


@lru_cache(maxsize=20_000)
def _joined(name: str) -> str:
    """The words of a short text: names and reasons come again and again."""
    return " ".join(words_of(name))
