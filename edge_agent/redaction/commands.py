"""Passwords in command lines whose flags have no telling names: `mysql -pX`, `redis-cli -a X`, `curl -u user:X`, and behind the scheme of a header."""

from __future__ import annotations

import re
from typing import Final

from aetherius.edge_agent.redaction.causes import is_cause
from aetherius.edge_agent.redaction.marks import MARK, hashed

_GAP: Final = r"(?:[ =]|\\?[\"']?, ?\\?[\"']?)?"
_FLAGS: Final = {
    "mysql": r"-p", "mariadb": r"-p", "mongo": r"-p", "sshpass": r"-p", " login": r"-p",
    "redis-": r"(?:-a|--pass)", "valkey-cli": r"-a", "curl": r"(?:-u|--user|--proxy-user)", "wget": r"--http-passwd",
    "ldap": r"-w", "sqlcmd": r"-P", "rabbitmqadmin": r"-p",
    "cqlsh": r"-p", "isql": r"-P",
    "snmp": r"-[cAX]", "ipmitool": r"-P", "keytool": r"-(?:store|key)pass", "openssl": r"-(?:passin|passout|pass)",
}  # fmt: skip
_LINES: Final = tuple(
    (
        program,
        re.compile(
            rf"{program}[\w-]{{0,16}}(?P<between>(?![^\n]{{0,16}}{program})[^\n]{{0,240}}?[\s\"',\[]){flag}(?![\w-]*[ =]?-){_GAP}(?P<secret>[^\s\"',\]-][^\s\"',\]]*)"
        ),
    )
    for program, flag in _FLAGS.items()
)
_SCHEMES: Final = re.compile(r"(?:[Bb](?:earer|asic)|BEARER|BASIC)(?: {1,2}|:|\+|%20)(?P<secret>[\w.~+/=-]{8,})")


def mask_commands(text: str) -> str:
    """The text without the passwords that well-known programs take as arguments, and without what follows the scheme of an authorization."""
    if "earer" in text or "asic" in text or "EARER" in text or "ASIC" in text:
        text = _SCHEMES.sub(_mask_scheme, text)
    for program, pattern in _LINES if "-" in text else ():
        if program in text:
            text = pattern.sub(_mask_secret, text)
    return text


def _mask_secret(match: re.Match[str]) -> str:
    at = match.start("secret") - match.start()
    secret = match["secret"]
    if MARK.match(secret) or secret.startswith("["):
        return match[0]
    user, colon, rest = secret.partition(":")
    if rest.startswith("[redacted:"):
        return match[0]
    if colon and rest:
        return match[0][:at] + f"{user}:{hashed(rest)}" + match[0][at + len(secret) :]
    return match[0][:at] + hashed(secret) + match[0][at + len(secret) :]


def _mask_scheme(match: re.Match[str]) -> str:
    word = match["secret"]
    if is_cause(word, 0) or (word.isalpha() and word.islower()):
        return match[0]
    if word.replace("-", "").isalpha() and "-" in word:
        return match[0]
    return match[0][: -len(word)] + hashed(word)
