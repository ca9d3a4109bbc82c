"""Secrets in text of any kind: logs, messages, what a program printed. Every pattern reads a character a bounded number of times."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from aetherius.edge_agent.redaction.mark import MARK, hashed
from aetherius.edge_agent.redaction.names import is_cause, is_plain, tells
from aetherius.edge_agent.redaction.shapes import LONG, TOKENS, is_random, private_keys

_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\-_])")
_SCHEME: Final = re.compile(r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{0,30})://([^\s\"'<>`]{1,4096}+)")
_WEB: Final = frozenset({"http", "https", "ws", "wss", "ftp", "git", "oci"})
_HOST: Final = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:]+\]|[a-z]+\([^()\s]*\))?(?::\d+)?(?:[/,?#\\)\]}.;]|$)")
_BARE: Final = re.compile(r"(?:^|[^\w.%+-])([\w.%+-]{1,64}+)([:/])([^\s@\"'<>]{1,256}+)\Z")
_BEHIND_BARE: Final = re.compile(r"(?!sha\d{3}:)(?:(?:tcp|udp|unix)\(|//|[\w.-]{1,253}:\d{2,5}\b)")
_BARE_LOOKED_AT: Final = 330
"""Characters before an `@`: a name, a colon and a password without a scheme."""
_SCHEMES: Final = re.compile(r"(?i)(?<![\w-])(bearer|basic|negotiate|digest)( +)([\w.~+/=-]{8,}+)")
_ELEMENT: Final = re.compile(r"<([\w.:-]{1,100}+)((?:\s[^<>]{0,300})?)>([^<]{1,4096}+)(?=</)")
_OPTION: Final = re.compile(
    r"(?<![\w-])(--?[A-Za-z][\w.-]{0,99}+)([ \t]+)(?!-)(\"[^\"\n]{0,4096}\"|'[^'\n]{0,4096}'|[^\s\"',;]{1,4096}+)"
)
_PROGRAM: Final = re.compile(
    r"(?<![\w-])(redis-cli|mysql\w{0,6}|mariadb|mongo\w{0,6}|curl|sshpass|wget|ldapsearch|smbclient)(?![\w-])([^\n]{0,300})"
)
_PROGRAM_OPTION: Final = re.compile(r"(?<!\S)(-[apuw])([ \t]*)([^\s\"',;\]\-][^\s\"',;\]]{0,255}+)")
_NAMED: Final = re.compile(
    r"""(?P<open>\\{0,7}["'])?(?<![\w.-])(?P<name>[\w.-]++)(?P<close>\\{0,7}["'])?(?P<sep>[ \t]{0,40}+(?::=|=>|[:=])[ \t]{0,40}+)"""
)
_QUOTED: Final = re.compile(r"\"((?:[^\"\\\n]|\\.){0,65536}+)\"?|'((?:[^'\\\n]|\\.){0,65536}+)'?")
_ESCAPED: Final = re.compile(r"(\\{1,7})([\"'])([^\"'\n]{0,65536}+)")
_WORD: Final = re.compile(r"[^\s\"',;&<>]{1,65536}+")
_LINE_HEAD: Final = re.compile(r"[ \t]*(?:- )?[\"']?\Z")
_HEADERS: Final = re.compile(
    r"(?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]*(?:key|token|secret|auth)[\w-]*", re.IGNORECASE
)
_BLOCK: Final = re.compile(
    r"^([ \t]*+)(?:- )?[\"']?([\w.-]{1,200}+)[\"']?[ \t]{0,20}+:[ \t]{0,20}+[|>][+-]?\d?[+-]?[ \t]{0,20}+$",
    re.MULTILINE,
)
_LEAST: Final = 3
"""Characters of a value that is not quoted: fewer are a mark, not a secret."""
_CAUSE_LOOKED_AT: Final = 200
_INDENT: Final = 200
"""Characters before a name that are looked at, for whether its line begins there."""
_OUTRIGHT: Final = 200
"""Characters to look back for a blank where a text is cut: no secret is to stand there by half."""


def mask_text(text: str) -> str:
    """The text without what looks like a secret: keys and tokens, passwords after their names or in addresses, long random strings."""
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    text = _without_keys(text)
    text = TOKENS.sub(lambda match: hashed(match[0]), text)
    text = _without_blocks(text)
    for needed, pattern, mask in _STEPS:
        if needed in text:
            text = pattern.sub(mask, text)
    text = _without_bare_passwords(text)
    if ":" in text or "=" in text:
        text = _without_named(text)
    return LONG.sub(_mask_random, text)


def mask_beginning(text: str, length: int) -> str:
    """The masked beginning of a text, of which at most `length` characters are wanted: only so much is looked at.

    It may be longer than `length`; where it was cut, the last word is left out, as half a secret is not known for one.
    """
    if len(text) <= 2 * length:
        return mask_text(text)
    cut = text[: 2 * length]
    end = max(cut.rfind(" ", -_OUTRIGHT), cut.rfind("\n", -_OUTRIGHT))
    return mask_text(cut[:end] if end > 0 else cut[:-_OUTRIGHT])


def _without_keys(text: str) -> str:
    if "PRIVATE KEY" not in text:
        return text
    parts, at = list[str](), 0
    for begin, end in private_keys(text):
        parts += [text[at:begin], hashed(text[begin:end])]
        at = end
    return "".join((*parts, text[at:]))


def _without_blocks(text: str) -> str:
    """Block scalars of YAML whose name tells: their lines are those that stand deeper."""
    if "|" not in text and ">" not in text:
        return text
    parts, at = list[str](), 0
    for head in _BLOCK.finditer(text):
        if head.start() < at or not tells(head[2]):
            continue
        parts.append(text[at : head.end()])
        masked, at = _masked_block(text, head.end(), len(head[1]))
        parts.append(masked)
    return "".join((*parts, text[at:]))


def _masked_block(text: str, at: int, depth: int) -> tuple[str, int]:
    """The lines from here on that stand deeper, or are empty, and where they end."""
    lines = list[str]()
    while at < len(text):
        end = text.find("\n", at + 1)
        end = len(text) if end < 0 else end
        line = text[at + 1 : end]
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent <= depth:
            break
        lines.append("\n" + (line[:indent] + hashed(line.strip()) if line.strip() else line))
        at = end
    return "".join(lines), at


def _without_bare_passwords(text: str) -> str:
    """`user:password@tcp(host)`, `user:password@host:5432` and `user/password@//host`: addresses without a scheme. Looked for from each `@` backwards."""
    if "@" not in text:
        return text
    parts = text.split("@")
    for number, part in enumerate(parts[:-1]):
        found = _BARE.search(part[-_BARE_LOOKED_AT:])
        if found is None or MARK in found[3] or not _BEHIND_BARE.match(parts[number + 1]):
            continue
        if found[2] == ":" or parts[number + 1].startswith("//"):
            parts[number] = part[: len(part) - len(found[3])] + hashed(found[3])
    return "@".join(parts)


def _mask_address(match: re.Match[str]) -> str:
    scheme, rest = match[1], match[2]
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0] if scheme.lower() in _WEB else rest
    user, at, _ = authority.rpartition("@")
    if not at or not _HOST.match(rest[len(user) + 1 :]):
        return match[0]
    name, colon, password = user.partition(":")
    if colon:
        return f"{scheme}://{hashed(user)}{rest[len(user) :]}" if password else match[0]
    return match[0] if len(name) < 16 else f"{scheme}://{hashed(user)}{rest[len(user) :]}"


def _mask_scheme(match: re.Match[str]) -> str:
    return (
        match[0]
        if match[3].isalpha() and match[3].islower() and len(match[3]) < 16
        else f"{match[1]}{match[2]}{hashed(match[3])}"
    )


def _mask_element(match: re.Match[str]) -> str:
    value = match[3].strip()
    if not tells(match[1]) or is_plain(value) or is_cause(value):
        return match[0]
    return f"<{match[1]}{match[2]}>{hashed(value)}"


def _mask_option(match: re.Match[str]) -> str:
    name, value = match[1].lstrip("-"), match[3]
    if not tells(name) or is_plain(value) or value.startswith(MARK):
        return match[0]
    return f"{match[1]}{match[2]}{hashed(value)}"


def _mask_program(match: re.Match[str]) -> str:
    return match[1] + _PROGRAM_OPTION.sub(lambda option: f"{option[1]}{option[2]}{hashed(option[3])}", match[2])


def _mask_random(match: re.Match[str]) -> str:
    return hashed(match[0]) if is_random(match[0]) else match[0]


_STEPS: Final[tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    ("://", _SCHEME, _mask_address),
    ("", _SCHEMES, _mask_scheme),
    ("</", _ELEMENT, _mask_element),
    (" -", _OPTION, _mask_option),
    (" -", _PROGRAM, _mask_program),
)
"""Each with what a text must have for it to be looked for."""


def _without_named(text: str) -> str:
    """Values after a name that tells: `name=value`, `name: value`, `"name": "value"`, however often its quotes are escaped."""
    parts, at = list[str](), 0
    while (match := _NAMED.search(text, at)) is not None:
        parts.append(text[at : match.end()])
        at = match.end()
        if tells(match["name"]) or _HEADERS.fullmatch(match["name"]):
            masked, at = _masked_value(text, match)
            parts.append(masked)
    return "".join((*parts, text[at:]))


def _masked_value(text: str, match: re.Match[str]) -> tuple[str, int]:
    """What stands in place of a value, and where the text goes on."""
    at = match.end()
    if text.startswith(MARK, at) or at >= len(text):
        return "", at
    if (escaped := _ESCAPED.match(text, at)) is not None:
        return _masked_escaped(escaped)
    if text[at] in "\"'" and (quoted := _QUOTED.match(text, at)) is not None:
        value = quoted[1] if quoted[1] is not None else quoted[2] or ""
        return (quoted[0] if is_plain(value) else text[at] + hashed(value) + text[at]), quoted.end()
    if match["close"]:  # a quoted name takes a quoted value, or a number
        return "", at
    return _masked_bare(text, match)


def _masked_escaped(match: re.Match[str]) -> tuple[str, int]:
    value = match[3].rstrip("\\")
    if is_plain(value):
        return match[0], match.end()
    rest = match[3][len(value) :]
    return f"{match[1]}{match[2]}{hashed(value)}{rest}", match.end()


def _masked_bare(text: str, match: re.Match[str]) -> tuple[str, int]:
    at, spaced = match.end(), match["sep"].strip() == ":" and match["sep"] != ":"
    word = _WORD.match(text, at)
    if spaced and not _is_secretive(word) and is_cause(text[at : at + _CAUSE_LOOKED_AT].partition("\n")[0]):
        return "", at
    header = _HEADERS.fullmatch(match["name"]) is not None and ":" in match["sep"]
    if header or (spaced and _begins_line(text, match.start())):
        return _masked_line(text, at)
    if word is None or len(word[0]) < _LEAST or is_plain(word[0]) or (spaced and _is_prose(word[0])):
        return "", at
    return hashed(word[0]), word.end()


def _masked_line(text: str, at: int) -> tuple[str, int]:
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    rest = text[at:end].rstrip()
    if len(rest) < _LEAST or is_plain(rest) or rest.startswith(MARK):
        return "", at
    return hashed(rest), at + len(rest)


def _begins_line(text: str, at: int) -> bool:
    """Whether only blanks, a dash or a quote stand before this place in its line."""
    begin = text.rfind("\n", max(0, at - _INDENT), at) + 1
    if begin == 0 and at > _INDENT:
        return False
    return _LINE_HEAD.match(text[begin:at]) is not None


def _is_secretive(word: re.Match[str] | None) -> bool:
    """Whether a word mixes letters and digits, as few words of a sentence do."""
    if word is None or word[0].endswith(":"):
        return False
    return any(each.isdigit() for each in word[0][:100]) and any(each.isalpha() for each in word[0][:100])


def _is_prose(word: str) -> bool:
    """Whether a word behind a colon, in the middle of a line, goes on with a sentence."""
    return word.endswith(":") or (word.isalpha() and (word.islower() or word.istitle()))
