"""Private keys: between their two lines, what is left of one whose beginning or end was cut off, and also where a log has put its own words before each line."""

from __future__ import annotations

import re
from typing import Final

from aetherius.edge_agent.redaction.marks import hashed

_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PUTTY: Final = re.compile(
    r"Private-Lines: \d{1,3}\n((?:[A-Za-z0-9+/=]{1,80}(?:\n|$))+)|Private-(?:MAC|Hash): ([0-9a-f]+)"
)
_BODY: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\ \t\n"
_ROW: Final = re.compile(r"[A-Za-z0-9+/=]{1,80}")


def mask_keys(text: str) -> str:
    """The text without private keys."""
    if "Private-" in text:
        text = _PUTTY.sub(lambda match: match[0].replace(match[1] or match[2], hashed(match[1] or match[2])), text)
    if "PRIVATE KEY" not in text:
        return text
    return _mask_ends(_KEY.sub(lambda match: hashed(match[0]), text))


def _mask_ends(text: str) -> str:
    """Without the last lines of keys whose beginnings were cut off."""
    pieces, done = [], 0
    for end in _END.finditer(text):
        start = _beginning(text, done, end.start())
        pieces += [text[done:start], hashed(text[start : end.end()])]
        done = end.end()
    return "".join([*pieces, text[done:]])


def _beginning(text: str, floor: int, end: int) -> int:
    """Where the rest of a key begins that ends here: with its first whole line."""
    line = text.rfind("\n", floor, end) + 1 or floor
    if text[line:end].strip(_BODY):
        return _beginning_behind_words(text, floor, line, end - line)
    before = text[floor:end]
    kept = before.rstrip(_BODY)
    if skipped := before[len(kept) :].find("\n") + 1:  # words of the line before are no part of the key
        kept = before[: len(kept) + skipped]
    return floor + len(kept)


def _beginning_behind_words(text: str, floor: int, line: int, width: int) -> int:
    """The same, where each line has words of the log before it, of one width."""
    start = line + width
    while line > floor:
        before = text.rfind("\n", floor, line - 1) + 1 or floor
        if not _ROW.fullmatch(text, before + width, line - 1):
            break
        start, line = before + width, before
    return start
