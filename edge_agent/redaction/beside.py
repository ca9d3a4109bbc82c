"""Secrets beside a name with no sign between: `password is x`, `DB_PASSWORD x`, `Password("x")`, `["password","x"]`, `AUTH x`, `IDENTIFIED BY 'x'`.

A password is told in many ways. A token or a secret in a sentence is mostly its name: what follows is taken for it only if it mixes letters and digits and
something says that it is the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from aetherius.edge_agent.redaction.causes import is_cause
from aetherius.edge_agent.redaction.names import Telling
from aetherius.edge_agent.redaction.values import Span, value_at

_QUOTE: Final = r"\\{0,15}[\"'`]"
_MIXED: Final = r"(?=[^\s\"'`,;|)\]}]{0,40}\d)(?=[^\s\"'`,;|)\]}0-9]{0,40}[0-9]{0,40}[a-zA-Z])(?=[\w!@#$%^&*+=~.-]{6})"
AHEAD: Final = (
    rf"\({_QUOTE}|[ \t]{{1,4}}(?:(?:is|was|as|to|set to|=|~)[ \t:]|{_QUOTE}|->|\.\.|{_MIXED})"
    rf"|(?:{_QUOTE})?[ \t]{{0,4}}[,|][ \t]{{0,4}}(?:{_QUOTE})?{_MIXED}|\({_MIXED}"
)
"""What stands behind a name that may have a secret beside it."""
_BESIDE: Final = re.compile(
    rf"(?P<call>\()|(?:{_QUOTE})?[ \t]{{0,4}}(?P<row>[,|])[ \t]{{0,4}}|[ \t]{{0,4}}(?P<sign>[:=])[ \t]{{0,4}}"
    rf"|[ \t]{{1,4}}(?:(?P<link>(?:is|was|as|(?:set )?to|=|~)(?::|(?=[ \t]))|->|\.{{2,32}})[ \t]{{1,4}})?",
    re.IGNORECASE,
)
_OPENED: Final = re.compile(_QUOTE)
_WORD: Final = re.compile(
    r"(?=[^\s\d]{0,40}\d)(?=[\d\W_]{0,40}[A-Za-z])[A-Za-z0-9!@#$%^&*_+~]{6,128}={0,2}(?=[\s\"'`,;|)\]}\\]|\.?$|\.\s)"
)
"""Letters and digits, and no sign that names of objects, hosts and files have."""
_ALGORITHMS_WRITTEN: Final = (
    "sha224 sha256 sha384 sha512 rs256 rs512 es256 es384 hs256 hs512 rsa1024 rsa2048 rsa3072 rsa4096 base64 base64url ed25519 x25519 aes128 aes192 aes256 "
    "pbkdf2 argon2 argon2i argon2id chacha20 secp256k1 prime256v1 v1alpha1 v1beta1 v1beta2 v2beta1 v2beta2 oauth2 oauth1 http2 utf8mb4 pkcs12 pkcs11 pkcs8"
)
_ALGORITHMS: Final = frozenset(_ALGORITHMS_WRITTEN.split())
_SET: Final = re.compile(r"(?:^|[\s\"'])(?:set|env|export|setenv|setx|arg)[ \t]{1,4}(?:-\w{1,3} )?$", re.IGNORECASE)
_TOLD: Final = re.compile(
    r"identified (?=[^\n]{0,100}?[\"'])(?:with [\w\"'`]{1,64} )?(?:by|as) (?:password )?|(?:requirepass|masterauth)[\"']?[ \t,]{1,4}|unseal key \d{1,2}: "
    r"|(?:contraseña|пароль|密码|lösenord|hasło|mật khẩu)[\"']? {0,4}[:=] {0,4}"
    r"|password for [\w'\"`@%.-]{1,80} ?= ?"
)
_TELLS: Final = ("identified ", "requirepass", "masterauth", "unseal key", "password for")
_TELLS_ABROAD: Final = ("contraseña", "пароль", "密码", "lösenord", "hasło", "mật khẩu")
_AUTH: Final = re.compile(
    rf"AUTH(?<![\w-]AUTH)\\?[\"']?[ \t,]{{1,3}}\\?[\"']?(?:default\\?[\"']?[ ,]{{1,3}}\\?[\"']?)?{_MIXED}"
)


def beside(text: str, begin: int, end: int, told: Telling, *, behind_sign: bool = False) -> Span | None:
    """The secret beside the name that stands from `begin` to `end`; behind a sign only if nobody has looked there."""
    found = _BESIDE.match(text, end)
    if told is Telling.PERHAPS or not found or (found["sign"] and not behind_sign) or is_cause(text, found.end()):
        return None
    if told is Telling.PASSWORD and not found["row"] and not found["sign"]:
        return _password(text, begin, found)
    if found["call"]:
        return None  # `getSecret("db")`
    named = found["link"] or found["row"] or found["sign"] or _says_value(text, begin, end)
    return _mixed_word(text, found.end()) if named else None


def _password(text: str, begin: int, found: re.Match[str]) -> Span | None:
    at = found.end()
    if text[begin : begin + 5].lower() == "pass ":
        return _mixed_word(text, at)  # what to pass to a function
    if found["link"] or _OPENED.match(text, at):
        return value_at(text, begin, at, Telling.PASSWORD)
    return _mixed_word(text, at)


def _says_value(text: str, begin: int, end: int) -> bool:
    """Whether the name is one of a setting, as `API_TOKEN` and `client_secret` are, or is being set."""
    name = text[begin:end]
    return (
        "_" in name or (name.isupper() and len(name) > 3) or _SET.search(text[max(0, begin - 16) : begin]) is not None
    )


def _mixed_word(text: str, at: int) -> Span | None:
    if opened := _OPENED.match(text, at):
        at = opened.end()
    word = _WORD.match(text, at)
    return word.span() if word and word[0].lower() not in _ALGORITHMS else None


def told_spans(text: str, lower: str) -> Iterator[Span]:
    """What settings and statements of databases tell: `requirepass x`, `IDENTIFIED BY 'x'`."""
    if any(each in lower for each in (_TELLS if lower.isascii() else _TELLS + _TELLS_ABROAD)):
        for told in _TOLD.finditer(lower):
            if not is_cause(text, told.end()) and (span := value_at(text, told.start(), told.end(), Telling.PASSWORD)):
                yield span


def auth_spans(text: str) -> Iterator[Span]:
    """The command of Redis."""
    if "AUTH" in text:
        for auth in _AUTH.finditer(text):
            if span := _mixed_word(text, auth.end()):
                yield span
