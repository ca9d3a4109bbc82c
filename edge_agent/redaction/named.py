"""Secrets behind their names: `PASS=x`, `"token": "x"` (quoted once or several times), `password: |`, name and value apart, `--password x`, `<pass>x</pass>`.

Each search goes through the text from left to right. What it has read it does not read again, and each look around a name is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from aetherius.edge_agent.redaction.causes import is_cause
from aetherius.edge_agent.redaction.clean import lowered
from aetherius.edge_agent.redaction.marks import hashed
from aetherius.edge_agent.redaction.names import Telling, telling
from aetherius.edge_agent.redaction.values import OPENED, Span, listed, unless_harmless, value_at

_LONGEST_NAME: Final = 48
_NAME_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_STEM: Final = "(?:p(?:ass|w|sk|swd|in)|s(?:ecret|ess|id|ig|alt)|t(?:oken|otp)|key|c(?:red|ook|srf)|auth|jwt|otp|xsrf)"
_SIGN: Final = r"(?:\\u003[dD]|%3[dDaA]|=|:)"
_QUOTE: Final = r"\\{0,15}[\"'`]"
_ASSIGN: Final = re.compile(rf"(?P<close>{_QUOTE})?\]?[ \t]{{0,8}}(?:=>|:=|{_SIGN})(?P<gap>[ \t]{{0,64}})")
_PAIR: Final = re.compile(
    rf"(?:{_QUOTE})?[\s,;]{{0,64}}(?:\\n)?[ \t]{{0,8}}(?:{_QUOTE})?(?:default[_-]?)?[vV]al(?:ue)?(?:{_QUOTE})?[ \t]{{0,8}}{_SIGN}[ \t]{{0,64}}(?!From)"
)
_HIT: Final = re.compile(
    rf"{_STEM}[\w.-]{{0,40}}+(?=[\s\"'`\\:=%,;\]])(?=(?:{_QUOTE})?\]?[ \t]{{0,8}}{_SIGN}|(?:{_QUOTE})?[\s,;\\]{{1,64}}n?[\s]{{0,8}}(?:{_QUOTE})?(?:default[_-]?)?val)"
)
_FLAG: Final = re.compile(
    rf"(?<![\w-])--?(?P<name>[\w.-]{{1,48}}+)(?:[ \t]{{1,8}}|{_QUOTE},?\s{{0,32}}(?:,\s{{0,32}})?(?={_QUOTE})|{_QUOTE}?,[ ]?(?=\w))(?![-=\s])"
)
_TAG: Final = re.compile(
    r"(?:<|\\u003[cC]|&lt;)(?P<name>[\w:.-]{1,64}+)(?:\s[^<>\n]{0,120})?(?:>|\\u003[eE]|&gt;)(?P<value>[^<]{1,4096}?)(?=<|\\u003[cC]|&lt;|$)"
)
_TOLD: Final = re.compile(
    r"(?:(?:pass(?:word|wd|phrase|code)|pwd|identified by)[ \t]{1,4}(?:(?:is|was|as|to|=|~)[ \t]{1,4}|"
    rf"(?={_QUOTE})|(?=[a-z_!@#$%-]{{0,40}}\d)(?=[\w!@#$%.-]{{0,40}}[a-z])(?=[\w!@#$%.-]{{6}}))|(?:requirepass|masterauth)[ \t]{{1,4}})"
)
_STATUS: Final = re.compile(r"[1-5]\d\d [A-Za-z]")


def mask_named(text: str) -> str:
    """The text without the values of names that tell of secrets."""
    text = _without(_assigned(text), text)
    if "-" in text:
        text = _without(_flagged(text), text)
    if "<" in text or "u003c" in text or "u003C" in text or "&lt;" in text:
        text = _without(_tagged(text), text)
    return _without(_told(text), text)


def _without(secrets: Iterator[Span], text: str) -> str:
    pieces, done = [], 0
    for start, end in secrets:
        pieces += [text[done:start], hashed(text[start:end])]
        done = end
    return "".join([*pieces, text[done:]]) if done else text


def _each(
    text: str, searched: str, pattern: re.Pattern[str], span_of: Callable[[re.Match[str], int], Span | None]
) -> Iterator[Span]:
    """The secrets behind what a pattern finds; within a secret nothing is looked for."""
    at = 0
    while hit := pattern.search(searched, at):
        span = span_of(hit, at)
        if span and span[0] < span[1]:
            yield span
            at = span[1]
        else:
            at = hit.end()


def _assigned(text: str) -> Iterator[Span]:
    """`name=value`, and a name and a value apart: `"name": "X", "value": "Y"`."""

    def span_of(hit: re.Match[str], floor: int) -> Span | None:
        begin = _name_start(text, hit.start(), floor)
        name = text[begin : hit.end()].rstrip(".-")
        told = telling(name.strip("-_."))
        if told is Telling.NOTHING:
            return None
        return _behind_sign(text, begin, begin + len(name), told) or _behind_value(text, begin, begin + len(name), told)

    return _each(text, lowered(text), _HIT, span_of)


def _name_start(text: str, keyword: int, floor: int) -> int:
    before = text[max(floor, keyword - _LONGEST_NAME) : keyword]
    return keyword - (len(before) - len(before.rstrip(_NAME_CHARACTERS)))


def _behind_sign(text: str, begin: int, end: int, told: Telling) -> Span | None:
    sign = _ASSIGN.match(text, end)
    if not sign or _is_in_a_path(text, begin, sign):
        return None
    at = sign.end()
    if sign["close"]:
        return _in_json(text, begin, at, told)
    if sign["gap"] and ":" in sign[0] and (is_cause(text, at) or _STATUS.match(text, at)):
        return None
    return value_at(text, begin, at, told)


def _is_in_a_path(text: str, begin: int, sign: re.Match[str]) -> bool:
    """`arn:aws:secretsmanager:x`, `registry/authorization:v1`."""
    before = text[begin - 1 : begin]
    return before == ":" or (before == "/" and sign[0] == ":")


def _in_json(text: str, begin: int, at: int, told: Telling) -> Span | None:
    """A quoted name takes a quoted value; else `volume "db-secret" : secret "db-secret" not found` would lose what failed."""
    glued = text[at - 1] not in " \t"
    if OPENED.match(text, at) or (
        told > Telling.PERHAPS and (text[at : at + 1].isdigit() or (glued and text[at : at + 1].isalpha()))
    ):
        return value_at(text, begin, at, told)
    return listed(text, at, told)


def _behind_value(text: str, begin: int, end: int, told: Telling) -> Span | None:
    pair = _PAIR.match(text, end)
    return value_at(text, begin, pair.end(), told) if pair else None


def _flagged(text: str) -> Iterator[Span]:
    """`--password x`, and as two strings of a list."""

    def span_of(hit: re.Match[str], _: int) -> Span | None:
        told = telling(hit["name"])
        if told is Telling.NOTHING or is_cause(text, hit.end()):
            return None
        return value_at(text, hit.start(), hit.end(), told)

    return _each(text, text, _FLAG, span_of)


def _tagged(text: str) -> Iterator[Span]:
    def span_of(hit: re.Match[str], _: int) -> Span | None:
        told = telling(hit["name"])
        return None if told is Telling.NOTHING else unless_harmless(text, *hit.span("value"), told)

    return _each(text, text, _TAG, span_of)


def _told(text: str) -> Iterator[Span]:
    """`password "x"`, `password is x`: only passwords are told so; a token or a secret in quotes is its name."""

    def span_of(hit: re.Match[str], _: int) -> Span | None:
        return None if is_cause(text, hit.end()) else value_at(text, hit.start(), hit.end(), Telling.PASSWORD)

    return _each(text, lowered(text), _TOLD, span_of)
