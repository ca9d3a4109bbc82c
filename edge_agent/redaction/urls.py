"""Passwords before a host: in URLs (`postgres://app:PASSWORD@db/x`) and in drivers' own forms (`app:PASSWORD@tcp(db:3306)/x`).

A password may hold slashes and at-signs: all up to the last at-sign before a host is taken for it.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.edge_agent.redaction.marks import MARK, hashed

_RUN: Final = re.compile(r"(?<![^\s\"'<>`\\])[^\s\"'<>`\\@]*+@[^\s\"'<>`\\]*+")
"""A run of characters with an at-sign in it; it is read from its beginning, once."""
_URL: Final = re.compile(
    r"://([^\s/@:]{0,200}):(?!\d{1,5}(?:[/?#]|$))|://(?=[^\s/@:?#]{0,200}\d)(?=[^\s/@:?#]{16,200}$)"
)
"""What ends at the at-sign: a user and a password, or a key alone, as in the addresses of Sentry."""
_DSN: Final = re.compile(r"(?<![^=(,;{\[])[\w.%+-]{1,64}[:/]")
_HOST: Final = re.compile(
    r"@(?:(?:tcp|tcp6|udp|unix|cloudsql)?\(|//?[\w.-]+|:\d|\[[0-9a-fA-F:.]{2,45}\]|[\w.-]+:\d|[A-Za-z0-9_][\w-]*(?:\.[\w-]+)*(?:[/,;?)\]}]|:?$))"
)
_ADDRESS: Final = re.compile(r"@(?:\w*\(|//|\[[0-9a-fA-F:.]{2,45}\]:\d|[\w.-]+:\d|[\w.-]+/)")
"""A host with more than its name: what a driver is given."""
_DIGEST: Final = re.compile(r"@sha(?:256|512):[0-9a-f]")


def mask_urls(text: str) -> str:
    """The text without the passwords that stand before hosts."""
    if "@" not in text:
        return text
    return "\n".join(
        _RUN.sub(lambda match: _masked_run(match[0]), line) if "@" in line else line for line in text.split("\n")
    )


def _masked_run(run: str) -> str:
    if _DIGEST.search(run):
        head, sign, digest = run.rpartition("@sha")
        return (_masked_run(head) if "@" in head else head) + sign + digest
    at = _last_host(run)
    if at < 0:
        return run
    if "://" in run[:at]:
        return _masked_url(run, at)
    return _masked_dsn(run, at)


def _last_host(run: str) -> int:
    """Where the last at-sign before a host stands."""
    at = len(run)
    for _ in range(16):
        at = run.rfind("@", 0, at)
        if at < 0 or _HOST.match(run, at):
            return at
    return run.rfind("@")


def _masked_url(run: str, at: int) -> str:
    begin = _URL.search(run, 0, at)
    if not begin:
        return run
    if MARK.fullmatch(run, begin.start() + len("://"), at):
        return run
    return run[: begin.end()] + _mark(run[begin.end() : at]) + run[at:]


def _masked_dsn(run: str, at: int) -> str:
    begin = _DSN.search(run, 0, at)
    if not begin or (begin[0][-1] == "/" and not run.startswith("@//", at)):
        return run
    secret = run[begin.end() : at]
    if not _ADDRESS.match(run, at) and not (len(secret) >= 6 and any(char.isdigit() for char in secret)):
        return run  # an address of a person, a version of a package
    return run[: begin.end()] + _mark(secret) + run[at:]


def _mark(secret: str) -> str:
    return secret if not secret or MARK.fullmatch(secret) else hashed(secret)
