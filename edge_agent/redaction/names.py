"""Names that tell that a value is secret, names that only look so, and values that are none whatever they are called."""

from __future__ import annotations

import re
from typing import Final

SAFE_ENV: Final = re.compile(
    r"(?:.*_)?(?:PORT|HOST|MODE|LEVEL|REGION|ZONE|TZ|LANG|REPLICAS|LIMIT|SIZE|TIMEOUT|THREADS|WORKERS|GOMAXPROCS|GOMEMLIMIT)"
)
"""Names of variables whose values help and are no secrets, unless they look like one."""

_TELLING: Final = re.compile(
    r"""passw|passphrase|pwd|secret|token|credential|bearer|cookie|authorization|api[_.-]?key|apikey
    |(?:access|private|secret|encryption|signing|shared|account|auth|license|master|storage|session|service|ssh|host|client)[_.-]?key
    |session[_.-]?id|signature|connection[_.-]?string|connstr|webhook[_.-]?url
    |(?:^|[_.-])(?:pass|pw|dsn|creds?|sig|psk|otp|pin|auth)(?:$|[_.-])|(?:DB|PG|MYSQL|REDIS|SMTP|LDAP|MQ)PASS""",
    re.IGNORECASE | re.VERBOSE,
)
_KEY_OF_ENV: Final = re.compile(r"[A-Z][A-Z0-9_]*_KEY")
_ABOUT: Final = re.compile(
    r"""(?:name|names|ref|refs|file|files|path|paths|dir|url|uri|endpoint|type|types|kind|count|limit|limits|size|length|len|ttl|expiry|expires?|expired|expires?_?(?:in|at)
    |expiration|seconds|version|policy|provider|class|enabled|required|rotation|keyref|mount|mounts|store|source|sources|usage|budget|issuer|audience|lifetime|duration|interval
    |age|format|encoding|algorithm|method|scheme|mode|status|state|reviews?|requests?|bucket|index|tokens|secrets|volume|volumes|projection|hash|id|ids|kid|prefix|suffix|domain|samesite
    |hint|strength|min|max|used|left|remaining|total|controller|manager|operator|rate|error|errors|failed|failures)$""",
    re.IGNORECASE | re.VERBOSE,
)
"""How names end that are about a secret, and do not hold it: `secretName`, `token_type`, `max_tokens`."""
_HOLDS_AN_ID: Final = re.compile(
    r"(?:session|access[_-]?key|secret)[_.-]?id$|(?:password|passwd|secret|token)[_.-]?hash$|webhook[_.-]?url$",
    re.IGNORECASE,
)
_EMPTY: Final = re.compile(
    r"""true|false|yes|no|on|off|null|none|nil|<none>|<nil>|<unset>|<unknown>|undefined|\*+|optional|required|unset|empty|missing|expired|invalid|unknown|denied|rejected|revoked
    |absent|present|set|not|is|was|are|has|for|from|in|of|and|or|the|a|an|failed|\{\}|\[\]|""|''""",
    re.IGNORECASE | re.VERBOSE,
)
_CAUSE: Final = re.compile(
    r"""\b(?:fail\w*|expired?|expires|invalid|missing|denied|not|cannot|can't|required|rejected|unauthori[sz]ed|forbidden|mismatch\w*|incorrect|wrong|unknown|revoked|error|unable|
    refused|does|must|should|was|were|is|has|have|will|no|malformed|unsupported|authentication|x509|verify\w*|verification|found|exist\w*|update\w*|rotat\w*|reload\w*|renew\w*|
    creat\w*|delet\w*|mount\w*|sync\w*|timed|timeout|too|needs?|please|could)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_LONGEST: Final = 100
"""Characters of a name that are looked at: its end tells most."""


def tells(name: str) -> bool:
    """Whether what has this name is to be kept secret."""
    name = name[-_LONGEST:].strip("\"'")
    if _HOLDS_AN_ID.search(name):
        return True
    if _KEY_OF_ENV.fullmatch(name) and not name.endswith(
        ("PRIMARY_KEY", "FOREIGN_KEY", "PARTITION_KEY", "SORT_KEY", "PUBLIC_KEY")
    ):
        return True
    return _TELLING.search(name) is not None and _ABOUT.search(name) is None


def is_plain(value: str) -> bool:
    """Whether a value is a word that is nobody's secret."""
    return not value or _EMPTY.fullmatch(value.strip("\"'.,;:)")) is not None


def is_cause(sentence: str) -> bool:
    """Whether words behind a colon say what went wrong, instead of being the secret itself."""
    return " " in sentence and _CAUSE.search(sentence[:200]) is not None
