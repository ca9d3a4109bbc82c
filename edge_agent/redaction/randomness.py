"""Tells words that a machine drew at random from words that people made: keys in base64 from class names, paths, digests, ids and images.

People's words fall into pieces (`Payment|Authorization|Service`) that are long and made of common pairs of letters; random ones change between small
letters, capitals and digits after every second character, and their pairs are any. Digests and ids in hex, UUIDs and names with a hash at their end are
explained piece by piece before anything is judged.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.edge_agent.redaction.marks import hashed
from aetherius.edge_agent.redaction.names import Telling, telling

SHORTEST: Final = 30
"""Characters of a word that is judged without a name before it."""
_SHORTEST_PART: Final = 8
_LONG_SINGLE: Final = 28
_JUDGED: Final = 256
"""Characters at both ends of a part by which it is judged."""
_ENOUGH: Final = 16
"""Unexplained characters that make a word random."""
_PIECE_LENGTH: Final = 3.6
"""Random base64 has pieces of 1.9 characters on average, a twentieth of a percent of it more than this; names of classes have 5 to 7."""
_COMMON_SHARE: Final = 0.55
"""Of the pairs of letters in people's words 0.9 are common ones, of random pairs 0.28."""
_FIRSTS: Final = (
    "abcdegiklmnprstuy baelouy caehiklortu daeios eacdefglmnprstvxy failort gaeinr haeio icdefglmnoprstuv ke ladeilostu "
    "maeiop nacdeginost oacdfgklmnoprstuw paeiloprty qu racdeimorstuvy sacehikopstu tacehilorstuy ubeilmnprst vae waehio xt yps"
)
_COMMON: Final = frozenset(each[0] + second for each in _FIRSTS.split() for second in each[1:])
_LONG: Final = re.compile(rf"[A-Za-z0-9+/_=.~%-]{{{SHORTEST},}}+")
_PART: Final = re.compile(r"[A-Za-z0-9]+")
_PIECE: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_HEX: Final = re.compile(r"[0-9a-f]{6,}|[0-9A-F]{6,}|[0-9]+")
_LETTERS: Final = re.compile(r"[a-z]{2,}")
_LONG_PART: Final = re.compile(rf"[A-Za-z0-9]{{{_LONG_SINGLE}}}")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]+")
_KEY_IN_HEX: Final = re.compile(r"(?<![A-Za-z0-9])(?:[0-9a-f]{32,}|[0-9A-F]{32,})(?![A-Za-z0-9])")
_NAMED: Final = re.compile(
    r"(?<![\w./])(?P<name>[A-Za-z][\w.]{0,48}(?:[ -](?!(?:is|was|to)\b)[A-Za-z][\w.]{0,48})?)(?: \d{1,2})?[\"'\]`)]{0,2}(?:[ \t]{0,8}(?:=>?|:=?|->|is|was|\|))?[ \t]{0,8}\\{0,7}[\"'`(\[<]{0,2}$"
)
"""What names a word that follows: `AES key "..."`, `ADMIN_KEY -> ...`, `[secret] ...`."""
_ANNOUNCED: Final = re.compile(
    r"(?<![\w/.-])(?:password|passphrase|secret|token|unseal key)[^\n:]{0,64}:\s{0,16}$", re.IGNORECASE
)
_OWN_NAME: Final = re.compile(r"([\w.]{2,48})[\"'\]\\]{0,4}[:=]{1,2}[\"'\\]{0,4}$")
_BEFORE: Final = 96
"""Characters before a word in which its name is looked for."""


def mask_random(text: str) -> str:
    """The text without long random words, and without keys in hex that a name before them makes suspicious."""
    seen: dict[str, str] = {}

    def masked(match: re.Match[str]) -> str:
        word = match[0]
        if (known := seen.get(word)) is None:
            known = seen[word] = _masked(word)
        return _without_key(word, text, match.start()) if known is word else known

    return _LONG.sub(masked, text)


def may_be_random(words: str) -> bool:
    """Whether one of the words, one a line, may be taken out by `mask_random`, whatever stands around it in the text that they are from."""
    for match in _LONG.finditer(words):
        if _masked(match[0]) is not match[0]:
            return True
        if (key := _KEY_IN_HEX.search(match[0])) and not _is_explained(words, match.start() + key.start()):
            return True
    return False


def _is_explained(words: str, key: int) -> bool:
    """Whether a key in hex has a name of its own before it, in the same word, that tells of no secret."""
    line = max(words.rfind("\n", max(0, key - _BEFORE), key) + 1, key - _BEFORE, 0)
    before = words[line:key]
    if before.endswith(("sha256:", "://")):
        return True
    name = _OWN_NAME.search(before)
    return name is not None and name[1].lower() not in ("id", "key") and not _is_named(before)


def _without_key(word: str, text: str, at: int) -> str:
    """The word; a key in hex is taken out if a name stands before it."""
    key = _KEY_IN_HEX.search(word)
    if key is None:
        return word
    start = at + key.start()
    before = text[max(0, start - _BEFORE) : start]
    if not _is_named(before):
        return word
    return word[: key.start()] + hashed(key[0]) + word[key.end() :]


def _is_named(before: str) -> bool:
    if named := _NAMED.search(before):
        told = telling(named["name"])
        return told > Telling.PERHAPS or (told is Telling.PERHAPS and "key" not in named["name"].lower())
    return before[-1:].isspace() and _ANNOUNCED.search(before) is not None


def looks_random(word: str) -> bool:
    """Whether a short word, behind a name that makes one suspicious, was drawn at random."""
    parts = [part for part in _PART.findall(word) if len(part) >= _SHORTEST_PART]
    if len(word) < 12 or not parts or _ADDRESS.fullmatch(word):
        return False
    return any(char.isdigit() for char in word) and any(_is_odd(part) or _is_hex_key(part) for part in parts)


def _is_hex_key(part: str) -> bool:
    return len(part) in (24, 32, 40, 48, 64) and _HEX.fullmatch(part) is not None and not part.isdigit()


def _masked(word: str) -> str:
    if word.islower() and not _LONG_PART.search(word):
        return word  # each part of it is a word or a number
    parts = list(_PART.finditer(word))
    first = _first_odd(parts)
    if first is None:
        return word
    last = next(at for at in range(len(parts) - 1, -1, -1) if _is_odd(parts[at][0]))
    start, end = _window(parts, first, last)
    return word[:start] + hashed(word[start:end]) + word[end:]


def _first_odd(parts: list[re.Match[str]]) -> int | None:
    """The first part that nothing explains, if there is enough of them."""
    first, longest, total = None, 0, 0
    for at, part in enumerate(parts):
        if not _is_odd(part[0]):
            continue
        first = at if first is None else first
        longest, total = max(longest, len(part[0])), total + len(part[0])
        if longest >= _SHORTEST_PART and total >= _ENOUGH:
            return first
    return None


def _window(parts: list[re.Match[str]], first: int, last: int) -> tuple[int, int]:
    """With the parts beside it that may belong to it: they mix small letters, capitals and digits, or are rests like `a/` and `+b==`."""
    while first > 0 and _may_belong(parts[first - 1][0]):
        first -= 1
    while last < len(parts) - 1 and _may_belong(parts[last + 1][0]):
        last += 1
    start, end = parts[first].start(), parts[last].end()
    rest = parts[last].string[end:]
    return start, end if rest.strip("=") else len(parts[last].string)


def _may_belong(part: str) -> bool:
    return not (part.islower() or part.isupper() or part.isdigit()) or len(part) <= 2


def _is_odd(part: str) -> bool:
    """Whether nothing explains a part: no hex, no small word, no pieces that people would make."""
    if len(part) < _LONG_SINGLE and (part.islower() or part.isupper() or part.isdigit()):
        return False
    if _HEX.fullmatch(part):
        return False
    if len(part) > 2 * _JUDGED:
        part = part[:_JUDGED] + part[-_JUDGED:]
    pieces = _PIECE.findall(part)
    if len(part) < _SHORTEST_PART:
        return len(pieces) > 2
    return not _is_made_by_people(part, pieces)


def _is_made_by_people(part: str, pieces: list[str]) -> bool:
    length = len(part) / len(pieces)
    share = _common_share(part)
    if part.islower() or part.isupper():
        return share >= _COMMON_SHARE
    return (length >= _PIECE_LENGTH and share >= _COMMON_SHARE / 2) or (
        length >= _PIECE_LENGTH / 1.5 and share >= _COMMON_SHARE
    )


def _common_share(part: str) -> float:
    pairs = [run[at : at + 2] for run in _LETTERS.findall(part.lower()) for at in range(len(run) - 1)]
    return sum(pair in _COMMON for pair in pairs) / len(pairs) if pairs else 0.0
