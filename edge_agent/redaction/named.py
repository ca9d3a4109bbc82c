"""Secrets behind their names: `PASS=x`, `"token": "x"` (quoted once or several times), `password: |`, name and value apart, `--password x`, `<pass>x</pass>`.

Each search goes through the text from left to right. What it has read it does not read again, and each look around a name is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from aetherius.edge_agent.redaction.beside import AHEAD, auth_spans, beside, told_spans
from aetherius.edge_agent.redaction.causes import is_cause
from aetherius.edge_agent.redaction.clean import lowered
from aetherius.edge_agent.redaction.marks import hashed
from aetherius.edge_agent.redaction.names import Telling, names_a_secret, telling
from aetherius.edge_agent.redaction.values import OPENED, USER_AND_PASSWORD, Span, listed, unless_harmless, value_at

_LONGEST_NAME: Final = 48
_NAME_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_STEM: Final = (
    "(?:p(?:ass|w|sk|swd|in)|s(?:ecret|ess|id|ig|alt|enha)|t(?:oken|otp)|ke(?:y|nnwort)|c(?:red|ook|srf|ontrase|onfigjson|fg)"
    "|a(?:uth|c(?<=hmac)|rer(?<=bearer)|chtwoord)|jwt|otp|xsrf)"
)
"""Parts of telling names. Each begins with one of few letters: the search passes over all others."""
_SIGN: Final = r"(?:\\u003[dD]|%3[dDaA]|=|::?)"
_QUOTE: Final = r"\\{0,15}[\"'`]"
_ASSIGN: Final = re.compile(rf"(?P<close>{_QUOTE})?\]?[ \t]{{0,8}}(?:=>|:=|->|{_SIGN})(?P<gap>[ \t]{{0,64}})")
_FIELD_BETWEEN: Final = rf"(?:(?:{_QUOTE})?[\w-]{{1,24}}(?:{_QUOTE})?[ \t]{{0,4}}[:=][ \t]{{0,4}}[^,\n{{}}\[\]]{{0,120}}(?:,|\n)\s{{0,32}}){{0,2}}"
"""Fields that may stand between a name and its value: a type, a description."""
_PAIR: Final = re.compile(
    rf"(?:{_QUOTE})?[\s,;]{{0,64}}(?:\\n)?[ \t]{{0,8}}{_FIELD_BETWEEN}(?:{_QUOTE})?(?:default[_-]?)?[vV]al(?:ue)?(?:{_QUOTE})?[ \t]{{0,8}}{_SIGN}[ \t]{{0,64}}(?!From)"
)
_KEYED: Final = re.compile(rf"(?:name|key)(?:{_QUOTE})?[ \t]{{0,8}}[:=][ \t]{{0,8}}(?:{_QUOTE})?$", re.IGNORECASE)
_VALUE_BEFORE: Final = re.compile(
    rf"val(?:ue)?(?:{_QUOTE})?[ \t]{{0,8}}[:=][ \t]{{0,8}}(?:{_QUOTE})?(?P<value>[^\n\"'`,]{{1,256}}?)(?:{_QUOTE})?[,\s]{{1,32}}(?:{_QUOTE})?(?:name|key)(?:{_QUOTE})?[ \t]{{0,8}}[:=][ \t]{{0,8}}(?:{_QUOTE})?$",
    re.IGNORECASE,
)
_HIT: Final = re.compile(
    rf"{_STEM}[\w.-]{{0,40}}+(?=[\s\"'`\\:=%,;\]|(}}-]|$)(?=(?:{_QUOTE})?\]?[ \t]{{0,8}}(?:{_SIGN}|->)|(?:{_QUOTE})?[\s,;\\]{{1,64}}n?[\s]{{0,8}}(?:{_QUOTE})?(?:default[_-]?)?val|(?:{_QUOTE})?(?:[,\n}}]|$)|{AHEAD})"
)
_FLAG: Final = re.compile(
    rf"-(?<![\w-]-)-?(?P<name>[\w.-]{{1,48}}+)(?:[ \t]{{1,8}}|{_QUOTE},?\s{{0,32}}(?:,\s{{0,32}})?(?={_QUOTE})|{_QUOTE}?,[ ]?(?=\w)|\n[ \t]{{0,64}}- (?=[^-\s]))(?![-=\s])"
)
_NEXT_FLAG: Final = re.compile(rf"(?:{_QUOTE})?--[a-z]")
_TAG: Final = re.compile(
    r"(?:<|\\u003[cC]|&lt;)(?P<name>[\w:.-]{1,64}+)(?P<attributes>\s[^<>\n]{0,120})?(?:>|\\u003[eE]|&gt;)"
)
_TAGGED: Final = re.compile(r"[^<]{1,4096}?(?=<|\\u003[cC]|&lt;)|[^<\s]{1,256}$")
_ATTRIBUTE: Final = re.compile(r"(?:name|key|id)=\\{0,7}[\"']([\w.-]{1,64})")
_JSON_WORD: Final = re.compile(r"[^\s,{}\[\]\"'\\]+")
_STATUS: Final = re.compile(r"[1-5]\d\d [A-Za-z]")
_SCHEME: Final = re.compile(r"(?:bearer|basic|digest|token|apikey|key|splunk|bot)\s{1,4}", re.IGNORECASE)
_OF_A_PARSER: Final = ("unexpected ", "unknown ", "near ", "illegal ", "at or near ", "no such ", "missing ")
_WORD_BEFORE: Final = re.compile(r"(?<![\w.])([A-Za-z]{2,20})[ -]$")
_FIRST_WORD: Final = re.compile(r"\\{0,7}[\"']?([\w.-]{1,253})(?![^\s\"',;\\}\])])")
_LENGTH: Final = re.compile(r"\d{1,9} bytes\b")
_FOLDER: Final = re.compile(r"/(?:[A-Za-z_.-]{0,64}|[\w.-]{1,64}(?:/[\w.-]{1,64}){1,12})/?(?=[\s\"',;)]|$)")
_OF_A_TEST: Final = re.compile(r"\d{1,4}(?!\w)|Test\w{1,200}")


def mask_named(text: str) -> str:
    """The text without the values of names that tell of secrets."""
    lower = lowered(text)
    masked = _without(_assigned(text, lower), text)
    if "-" in masked:
        masked = _without(_flagged(masked), masked)
    if "<" in masked or "u003c" in lower or "&lt;" in lower:
        masked = _without(_tagged(masked), masked)
    masked = _without(told_spans(masked, lower if masked is text else lowered(masked)), masked)
    return _without(auth_spans(masked), masked)


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
    at = done = 0
    while hit := pattern.search(searched, at):
        span = span_of(hit, done)
        if span and span[0] < span[1]:
            yield span
            done = span[1]
            at = max(done, hit.end())
        else:
            at = hit.end()


def _assigned(text: str, lower: str) -> Iterator[Span]:
    """`name=value`, and a name and a value apart: `"name": "X", "value": "Y"`."""

    def span_of(hit: re.Match[str], floor: int) -> Span | None:
        begin = _name_start(text, hit.start(), floor)
        name = text[begin : hit.end()].rstrip(".-")
        told = telling(name.strip("-_."))
        if told is Telling.NOTHING:
            return None
        if name.startswith("-D"):  # -Dapi_key=x
            told = telling(name[2:])
        end = begin + len(name)
        span = _behind_sign(text, begin, end, told) or _of_a_pair(text, begin, end, floor, told)
        of_both = _of_two_words(text, begin, name, floor, told)
        return span or beside(text, begin, end, of_both, behind_sign=of_both is not told)

    return _each(text, lower, _HIT, span_of)


def _of_two_words(text: str, begin: int, name: str, floor: int, told: Telling) -> Telling:
    """What `api key` tells, of which `key` alone says little."""
    if told is not Telling.PERHAPS or name.lower() != "key":
        return told
    before = _WORD_BEFORE.search(text, max(floor, begin - 24), begin)
    return max(told, telling(before[1] + "_key")) if before else told


def _name_start(text: str, keyword: int, floor: int) -> int:
    before = text[max(floor, keyword - _LONGEST_NAME) : keyword]
    return keyword - (len(before) - len(before.rstrip(_NAME_CHARACTERS)))


def _behind_sign(text: str, begin: int, end: int, told: Telling) -> Span | None:
    sign = _ASSIGN.match(text, end)
    if not sign or _is_in_a_path(text, begin, sign):
        return None
    at = sign.end()
    if _is_of_something_else(text, begin, end, at):
        return None
    if sign["close"]:
        return _in_json(text, begin, at, told)
    if (
        told is Telling.PERHAPS
        and text[begin:end].lower().endswith("auth")
        and (pair := USER_AND_PASSWORD.match(text, at))
    ):
        return pair.span("secret")
    if sign["gap"] and "=" not in sign[0] and _is_told_why(text, begin, at):
        return None
    return value_at(text, begin, at, told)


def _is_told_why(text: str, begin: int, at: int) -> bool:
    """Whether what follows is a sentence or a status of HTTP; behind the scheme of an authorization it is none."""
    scheme = _SCHEME.match(text, at) if text[begin : begin + 48].lower().find("auth") >= 0 else None
    if scheme and not is_cause(text, scheme.end()):
        return False
    return is_cause(text, at) or _STATUS.match(text, at) is not None


def _is_of_something_else(text: str, begin: int, end: int, at: int) -> bool:
    """Tokens that a parser did not expect, tests that passed, fields that name a secret, and names of what failed."""
    name = text[begin:end]
    if name.lower() in ("token", "secret") and text[max(0, begin - 12) : begin].lower().endswith(_OF_A_PARSER):
        return True
    if _LENGTH.match(text, at):
        return True
    if name.lower() in ("pass", "pwd"):
        return (_OF_A_TEST if name.lower() == "pass" else _FOLDER).match(text, at) is not None
    if not name.endswith("Secret") or not (word := _FIRST_WORD.match(text, at)):
        return False
    return names_a_secret("objectSecret" if name == "Secret" else name, word[1])


def _is_in_a_path(text: str, begin: int, sign: re.Match[str]) -> bool:
    """`arn:aws:secretsmanager:x`, `registry/authorization:v1`, `checksum/secret: x`."""
    before = text[begin - 1 : begin]
    if before == ":":
        return text[begin - 2 : begin - 1].isalnum()
    return before == "/" and (sign[0] == ":" or text.endswith(("checksum/", "ingress.kubernetes.io/"), 0, begin))


def _in_json(text: str, begin: int, at: int, told: Telling) -> Span | None:
    """A quoted name takes a quoted value; else `volume "db-secret" : secret "db-secret" not found` would lose what failed."""
    if OPENED.match(text, at):
        return value_at(text, begin, at, told)
    glued = text[at - 1] not in " \t"
    word = _JSON_WORD.match(text, at)
    if word and told > Telling.PERHAPS and (text[at].isdigit() or (glued and text[at].isalpha())):
        return unless_harmless(text, *word.span(), told)
    return listed(text, at, told)


def _of_a_pair(text: str, begin: int, end: int, floor: int, told: Telling) -> Span | None:
    """A name and its value apart, in this order or in the other."""
    pair = _PAIR.match(text, end)
    if pair and (span := value_at(text, begin, pair.end(), told)):
        return span
    before = text[max(floor, begin - 320) : begin]
    if not _KEYED.search(before[-24:]) or not (found := _VALUE_BEFORE.search(before)):
        return None
    shift = begin - len(before)
    return unless_harmless(text, shift + found.start("value"), shift + found.end("value"), told)


def _flagged(text: str) -> Iterator[Span]:
    """`--password x`, and as two strings of a list."""

    def span_of(hit: re.Match[str], _: int) -> Span | None:
        told = telling(hit["name"])
        if told is Telling.NOTHING or is_cause(text, hit.end()) or _NEXT_FLAG.match(text, hit.end()):
            return None
        return value_at(text, hit.start(), hit.end(), told)

    return _each(text, text, _FLAG, span_of)


def _tagged(text: str) -> Iterator[Span]:
    """`<password>x</password>`, `<entry key="password">x</entry>`."""
    done = 0
    for tag in _TAG.finditer(text):
        told = _told_by(tag)
        if told is Telling.NOTHING or tag.start() < done or not (value := _TAGGED.match(text, tag.end())):
            continue
        if span := unless_harmless(text, *value.span(), told):
            done = span[1]
            yield span


def _told_by(tag: re.Match[str]) -> Telling:
    attribute = _ATTRIBUTE.search(tag["attributes"]) if tag["attributes"] else None
    return max(telling(tag["name"]), telling(attribute[1]) if attribute else Telling.NOTHING)
