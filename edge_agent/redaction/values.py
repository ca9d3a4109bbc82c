"""The value behind a name: in quotes, a block of YAML, a list, the next line, or a bare word; and whether it is a secret at all."""

from __future__ import annotations

import re
from typing import Final

from aetherius.edge_agent.redaction.causes import is_cause, is_state
from aetherius.edge_agent.redaction.marks import MARK
from aetherius.edge_agent.redaction.names import Telling, telling
from aetherius.edge_agent.redaction.quoted import Quote, closing
from aetherius.edge_agent.redaction.randomness import looks_random

Span = tuple[int, int]
"""Where a secret begins and ends."""

OPENED: Final = re.compile(r"\\{0,15}[\"'`]")
_BLOCK: Final = re.compile(r"(?:!!\w+ )?[|>][+-]?\d?[+-]?[ \t]*(?:#[^\n]*)?\n")
_BARE: Final = re.compile(
    r"(?:[^\s\"'<>,;&\\]|<(?![/!?]|[A-Za-z][\w:.-]{0,40}(?:\s[^<>\n]{0,80})?/?>)|>(?=[^\s<\"'])|[,;&](?![ \t\n]|[\w.-]{1,40}[=:]|$)|[\"'](?=[^\s,;}\])\"'])|\\(?![nrt\"'u]))+"
)
_SCHEME: Final = re.compile(
    r"(?:bearer|basic|digest|token|apikey|negotiate|ntlm|aws4-hmac-sha256|key|splunk|bot|oauth)\s+", re.IGNORECASE
)
_REST: Final = re.compile(r"[^\n\"'\\]+")
_LIST: Final = re.compile(r"\[(?!\]|redacted)[^\]]{1,2000}\]?")
_NOT_A_VALUE: Final = re.compile(
    r"<set to |<[A-Za-z][A-Za-z _-]{0,40}>(?!\w)|<(?=\s)|\$\(\w+\)(?!\w)|\$\((?:cat |<)[\w./-]{1,200}\)|\$\{\w+(?:\}(?!\w)|:?\?)|\$(?:[A-Z_][A-Z0-9_]{3,}|(?:[a-z]{2,16}_)?(?:token|password|passwd|secret|key|pass))(?=[\s\"';,)]|$)|\{\{"
    r"|\{(?!\w+\}\w|\w{0,40}\d\w{0,40}\})|=(?=\s|$)|~(?=\s|$)|\[redacted:[0-9a-f]{8}\](?![\w+/=-])|[\"'}\])]?$|\[\]|//|\*+(?![\w*])"
)
PATH: Final = re.compile(r"(?:/[a-zA-Z0-9_.-]{1,64}){2,12}/?(?![\w/+=])|(?:file|vault|ref|env|ssm|awssm):\S+")
_ITEMS: Final = re.compile(r"\n[ \t]{0,64}(- [^\n:{]{1,512}(?:\n[ \t]{0,64}- [^\n:{]{1,512}){0,64})(?=\n|$)")
"""A list of YAML whose items are no objects."""
_LABEL_NEXT: Final = re.compile(r"\n(?P<indent>[ \t]*)(?P<value>[^\s:#{}\[\]-][^\n:]*)(?=\n|$)")


USER_AND_PASSWORD: Final = re.compile(
    r"[\w.@-]{1,64}:(?P<secret>(?=[^\s/:]{0,64}\d)[^\s/:\"',;]{6,128})(?=[\s\"',;]|$)"
)
"""What `auth` may hold: `bob:s3cret`."""
_TYPED: Final = re.compile(r"(?:!!\w{1,16}|!(?:vault|secret|encrypted)|&[\w-]{1,32})[ \t]+(?=[^\s|>])")
"""What YAML may say of a value before it."""
_ANGLED: Final = re.compile(r"<(?=[^<>\s]{0,64}\d)([^<>\s/]{4,128})>")
_FAILED: Final = re.compile(r"[\"'`]? (?:not found|does(?:n't| not) exist|(?:is )?forbidden|already exists|is missing)")
_LONE: Final = re.compile(
    r"\n{1,3}[ \t]{0,64}(?P<value>(?=[^\s\d]{0,64}\d)(?=[^A-Za-z\s]{0,64}[A-Za-z])[^\s:{}\[\]\"'-][^\s:{}\[\]\"']{5,256})[ \t]{0,8}(?=\n|$)"
)
"""A word alone in the line after `Password:`."""


def value_at(text: str, begin: int, at: int, told: Telling) -> Span | None:
    """Where the value that begins here ends, if it is a secret."""
    if text[at : at + 1] in ("!", "&") and (typed := _TYPED.match(text, at)):
        span = value_at(text, begin, typed.end(), told)
        return (at, span[1]) if span else None
    if opened := OPENED.match(text, at):
        stop = closing(text, opened.end(), Quote.of(opened[0]))
        if told is Telling.SECRET and _FAILED.match(text, stop):
            return None  # `secret: "db" not found`
        return unless_harmless(text, opened.end(), stop, told)
    if text.startswith("<", at) and (angled := _ANGLED.match(text, at)):
        return unless_harmless(text, *angled.span(1), told)
    if block := _BLOCK.match(text, at):
        return _indented(text, begin, block.end())
    if text.startswith("\n", at):
        return _on_the_next_line(text, begin, at, told)
    if span := listed(text, at, told):
        return span
    if _NOT_A_VALUE.match(text, at):
        return None
    start, stop = _bare(text, begin, at)
    if start > at and _NOT_A_VALUE.match(text, start):
        return None  # `Authorization: Bearer ${TOKEN}`
    return unless_harmless(text, start, stop, told)


def _bare(text: str, begin: int, at: int) -> Span:
    """A word without quotes; behind the scheme of an authorization, and all the rest of a cookie."""
    name = text[begin : begin + 48].lower()
    if "cookie" in name[:12]:
        rest = _REST.match(text, at)
        return at, rest.end() if rest else at
    scheme = _SCHEME.match(text, at) if "auth" in name else None
    start = scheme.end() if scheme else at
    bare = _BARE.match(text, start)
    stop = bare.end() if bare else start
    while stop > start and text[stop - 1] in ")]}.,":
        stop -= 1
    mark = MARK.match(text, start)
    return (start, mark.end()) if mark and mark.end() > stop else (start, stop)


_LETTERS: Final = re.compile(r"[A-Za-z]+(?:[_.-][A-Za-z]+)*")


def unless_harmless(text: str, start: int, stop: int, told: Telling) -> Span | None:
    value = text[start:stop]
    if not value.strip() or MARK.fullmatch(value) or is_state(value):
        return None
    if value.endswith(":") and _LETTERS.fullmatch(value, 0, len(value) - 1) and telling(value[:-1]) > Telling.PERHAPS:
        return None  # a name again, whose value is looked for next
    if told is Telling.PERHAPS:
        return (start, stop) if looks_random(value) else None
    if told is Telling.SECRET and (PATH.fullmatch(value) or _is_sentence(value)):
        return None
    return start, stop


_DRAWN: Final = re.compile(r"(?<!\S)[\"'(]?(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9!@#$%^&*_+=~]{8,}[\"').,]?(?!\S)")
"""A word of letters and digits, which no sentence has."""


def _is_sentence(value: str) -> bool:
    return " " in value and is_cause(value, 0) and not _DRAWN.search(value)


def _indented(text: str, begin: int, at: int) -> Span | None:
    """The lines of a block of YAML: as long as they are indented more than the line of the name."""
    indent, stop = _indent(text, begin), at
    while stop < len(text):
        end = line_end(text, stop)
        line = text[stop:end]
        if line.strip() and len(line) - len(line.lstrip(" \t")) <= indent:
            break
        stop = min(end + 1, len(text))
    kept = len(text[at:stop]) - len(text[at:stop].lstrip(" \t\n"))
    end = at + len(text[at:stop].rstrip("\n"))
    return (at + kept, end) if at + kept < end else None


def _on_the_next_line(text: str, begin: int, at: int, told: Telling) -> Span | None:
    items = _ITEMS.match(text, at)
    if items and told > Telling.PERHAPS:
        return items.start(1), items.end(1)
    found = _LABEL_NEXT.match(text, at)
    if not found or len(found["indent"]) <= _indent(text, begin):
        lone = _LONE.match(text, at) if told is Telling.PASSWORD else None
        return lone.span("value") if lone else None
    return unless_harmless(text, found.start("value"), found.end("value"), told)


def _indent(text: str, at: int) -> int:
    start = text.rfind("\n", max(0, at - 512), at) + 1
    line = text[start:at] if start else text[:at] if at <= 512 else ""
    return len(line) - len(line.lstrip(" \t"))


def line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def listed(text: str, at: int, told: Telling) -> Span | None:
    found = _LIST.match(text, at)
    if not found or told <= Telling.PERHAPS or is_state(found[0]):
        return None
    rest = _BARE.match(text, found.end()) if text[found.end() : found.end() + 1].isalnum() else None
    return found.start(), rest.end() if rest else found.end()
