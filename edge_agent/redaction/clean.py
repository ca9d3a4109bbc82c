"""Takes out of a text what a terminal obeys and nobody reads: colours and other control sequences, which may stand in the midst of a secret or of its name."""

from __future__ import annotations

import re
from typing import Final

_SEQUENCE: Final = re.compile(
    r"\x1b\[[0-?]{0,32}[ -/]{0,4}[@-~]|\x1b\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]?"
)
_WRITTEN: Final = re.compile(r"\\(?:u001[bB]|x1[bB]|033|e)\[[0-9;]{0,16}[A-Za-z]")
"""The same, as JSON and shells write it."""
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]"
)


_WIDE: Final = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u3000": " ", "\uff1a": ":", "\uff1d": "="})
"""Spaces and signs that only look otherwise."""


def clean(text: str) -> str:
    """The text without control sequences and invisible characters; ends of lines become plain ones."""
    if "\x1b" in text:
        text = _SEQUENCE.sub("", text)
    if "[" in text and "\\" in text:
        text = _WRITTEN.sub("", text)
    if not text.isascii():
        text = text.translate(_WIDE)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    seen = text.replace("\n", "").replace("\t", "")
    return text if seen.isprintable() else _INVISIBLE.sub("", text)


def lowered(text: str) -> str:
    """The text in lower case, each character at its place."""
    lower = text.lower()
    return (
        lower if len(lower) == len(text) else "".join(low if len(low := char.lower()) == 1 else char for char in text)
    )
