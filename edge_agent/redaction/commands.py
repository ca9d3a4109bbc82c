"""Passwords in command lines whose flags have no telling names: `mysql -pX`, `redis-cli -a X`, `curl -u user:X`, and behind the scheme of a header."""

from __future__ import annotations

import re
from typing import Final

from aetherius.edge_agent.redaction.causes import is_cause
from aetherius.edge_agent.redaction.marks import MARK, hashed

_GAP: Final = r"(?:[ =]|\\?[\"']?, ?\\?[\"']?)?\\{0,3}[\"']?"
_FLAGS: Final = {
    "mysql": r"-p", "mariadb": r"-p", "mongo": r"-p", "sshpass": r"-p", " login": r"-p",
    "redis-": r"(?:-a|--pass)", "valkey-cli": r"-a", "curl": r"(?:-[a-zA-Z]{0,6}u|--user|--proxy-user)", "wget": r"--http-passwd",
    "ldap": r"-w", "sqlcmd": r"-P", "rabbitmqadmin": r"-p",
    "cqlsh": r"-p", "isql": r"-P",
    "snmp": r"-[cAX]", "ipmitool": r"-P", "keytool": r"-(?:store|key)pass", "openssl": r"-(?:passin|passout|pass|k|K)",
    "etcdctl": r"--user", "7z ": r"-p", "zip ": r"-P", "smbclient": r"-U", "winexe": r"-U", "kubectl": r"--from-literal[ =][\w.-]{1,64}=",
}  # fmt: skip
_LINES: Final = tuple(
    (
        program,
        re.compile(
            rf"{program.rstrip()}[\w-]{{0,16}}(?P<between>(?![^\n]{{0,16}}{program})[^\n]{{0,240}}?[\s\"',\[]){flag}(?![\w-]*[ =]?-){_GAP}(?P<secret>[^\s\"',\]-][^\s\"',\]]*)"
        ),
    )
    for program, flag in _FLAGS.items()
)
_FLAGGED: Final = re.compile(
    r"-(?<=[\s\"',\[]-)(?:[pauwcAPXUkK]|-(?:pass|user|proxy-user|http-passwd|from-literal)|(?:store|key)?pass|[a-zA-Z]{1,6}u)"
)
"""One of the flags: where none of them stands, no program is looked for."""
_PLACED: Final = tuple(
    (program, re.compile(pattern + r"(?P<secret>[^\s\"',\]-][^\s\"',\]]*)"))
    for program, pattern in (
        ("htpasswd", r"htpasswd (?:-\w+ ){0,4}[^\s-]\S{0,200} \S{1,100} "),
        ("rabbitmqctl", r"rabbitmqctl (?:-\S+ ){0,4}(?:add_user|change_password|authenticate_user) \S{1,100} "),
        ("vault login", r"vault login (?:-(?!method)\S+ ){0,4}(?:token=)?(?=\S{0,100}\d)"),
        ("chpasswd", r"chpasswd\b[^\n]{0,40}?<{1,3} ?[\"']?(?=\w{1,32}:)"),
        ("chpasswd", r"echo (?:-e )?[\"']?(?=\w{1,32}:\S{1,100}[\"']? {0,4}\| {0,4}(?:sudo )?chpasswd)"),
        ("-stdin", r"echo (?:-n )?[\"']?(?=[^\s|]{1,200} {0,4}\|[^|\n]{0,80}--password-stdin)"),
        ("sqlplus", r"sqlplus (?:-\w+ ){0,4}\w{1,64}/"),
        (" mc ", r"\bmc (?:alias set|config host add) \S{1,64} \S{1,200} \S{1,128} "),
    )
)
"""Passwords that are told by their place behind a program's name."""
_SCHEMES: Final = re.compile(r"(?:[Bb](?:earer|asic)|BEARER|BASIC)(?: {1,2}|:|\+|%20)(?P<secret>[\w.~+/=-]{8,})")


def mask_commands(text: str) -> str:
    """The text without the passwords that well-known programs take as arguments, and without what follows the scheme of an authorization."""
    if "earer" in text or "asic" in text or "EARER" in text or "ASIC" in text:
        text = _SCHEMES.sub(_mask_scheme, text)
    for program, pattern in _LINES if _FLAGGED.search(text) else ():
        if program in text:
            text = pattern.sub(_mask_secret, text)
    if (
        "passwd" in text
        or "-stdin" in text
        or "rabbitmqctl " in text
        or "vault " in text
        or "sqlplus " in text
        or "mc " in text
    ):
        text = _mask_placed(text)
    return text


def _mask_placed(text: str) -> str:
    for program, pattern in _PLACED:
        if program.strip() in text:
            text = pattern.sub(_mask_secret, text)
    return text


def _mask_secret(match: re.Match[str]) -> str:
    at = match.start("secret") - match.start()
    secret = match["secret"]
    if MARK.match(secret) or secret.startswith("["):
        return match[0]
    user, colon, rest = secret.partition("%" if "%" in secret.partition(":")[0] else ":")
    if rest.startswith("[redacted:"):
        return match[0]
    if colon and rest:
        return match[0][:at] + f"{user}{colon}{hashed(rest)}" + match[0][at + len(secret) :]
    return match[0][:at] + hashed(secret) + match[0][at + len(secret) :]


def _mask_scheme(match: re.Match[str]) -> str:
    word = match["secret"]
    if is_cause(word, 0) or (word.isalpha() and word.islower()):
        return match[0]
    if word.replace("-", "").isalpha() and "-" in word:
        return match[0]
    return match[0][: -len(word)] + hashed(word)
