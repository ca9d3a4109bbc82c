"""Which names tell that their value is a secret (`DB_PASS`, `apiKey`, `x-auth-token`), and which only sound so (`secretName`, `max_tokens`)."""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import Final

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Telling(enum.IntEnum):
    """How much a name tells of its value."""

    NOTHING = 0
    PERHAPS = 1
    """Secret if it looks random: `key`, `auth`, `session`."""
    SECRET = 2
    """Secret unless it says why something failed."""
    PASSWORD = 3
    """The same, and never a path or a number that is none."""


_PASSWORDS: Final = (
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "pword",
    "pwd",
    "pswd",
    "passwds",
    "passwords",
    "passe",
    "kennwort",
    "wachtwoord",
    "senha",
    "contrasena",
    "rootpw",
    "bindpw",
)
_SECRETS: Final = (
    "secret", "token", "credential", "credentials", "creds", "apikey", "accesskey", "privatekey", "authkey", "secretkey",
    "signingkey", "encryptionkey", "masterkey", "sharedkey", "accountkey", "jwt", "authorization", "cookie", "otp", "totp",
    "jsessionid", "phpsessid", "keytab", "userdata", "dockerconfigjson", "dockercfg", "pw", "psk", "privkey", "passkey",
)  # fmt: skip
_PERHAPS: Final = frozenset({
    "key", "keys", "auth", "session", "sess", "sid", "sig", "signature", "tokens", "secrets", "bearer", "salt", "seed", "pin", "hmac",
    "webhook", "cred", "csrf", "xsrf", "nonce", "sessionid",
})  # fmt: skip
_NO_PASS: Final = ("bypass", "compass", "encompass", "trespass", "surpass", "underpass", "overpass", "multipass")
_NEUTRAL_ENDS: Final = frozenset({
    "name", "names", "ref", "refs", "reference", "id", "ids", "count", "counts", "limit", "limits", "length", "len", "size", "type", "types",
    "kind", "policy", "expiry", "expires", "expiration", "expired", "ttl", "age", "file", "files", "filename", "path", "paths", "dir", "url",
    "uri", "endpoint", "endpoints", "host", "version", "mount", "status", "state", "error", "errors", "valid", "invalid", "required",
    "enabled", "disabled", "rotation", "provider", "store", "class", "namespace", "audience", "audiences", "issuer", "algorithm", "alg",
    "format", "field", "column", "index", "budget", "usage", "used", "remaining", "volume", "seconds", "minutes", "hours", "days", "timeout",
    "interval", "rate", "bucket", "project", "region", "source", "mode", "method", "review", "reviews", "request", "requests", "controller",
    "manager", "engine", "operator", "agent", "csi", "driver", "exists", "missing", "found", "failed", "failure", "failures", "max", "min",
    "total", "strength", "reset", "change", "changed", "at", "time", "date", "updated", "created", "set", "present", "optional", "lock",
    "usages", "space", "spaces", "board", "word", "words", "value_from", "label", "labels", "selector", "group", "owner", "per", "lifetime",
    "scope", "scopes", "projection", "schema", "prefix", "suffix", "pattern", "rule", "rules", "env", "var", "cert", "ca", "public",
    "renewal", "sync", "hits", "misses", "cache", "kid", "identity", "principal", "user", "username", "account", "permissions", "enable",
    "domain", "secure", "samesite", "httponly", "generation", "checksum", "digest", "sha", "latency", "duration", "ms", "encoding", "charset", "go", "java", "py", "js", "ts", "rb", "rs", "kt", "cpp", "php", "scala", "jar", "arg", "args", "argument", "arguments", "title", "hint", "help",
})  # fmt: skip
_COUNTED: Final = frozenset({
    "max", "min", "num", "total", "count", "prompt", "completion", "input", "output", "used", "remaining", "per", "context", "cached",
    "reasoning", "generated", "n", "next", "page", "continue", "continuation", "max_new", "new", "eval",
})  # fmt: skip
_HARMLESS_KEYS: Final = frozenset({
    "primary", "foreign", "partition", "sort", "row", "object", "idempotency", "public", "index", "lookup", "group", "label",
    "config", "map", "topology", "dedup", "hash", "range", "shard", "message", "record", "composite", "unique", "natural", "surrogate",
    "sorting", "ordering", "event", "metric", "tag", "annotation", "translation", "i18n", "hot", "soft", "registry", "host", "etcd", "redis",
    "cache", "data", "missing", "duplicate", "unknown", "invalid", "any", "each", "every", "next", "last", "first", "pub", "search", "mon",
})  # fmt: skip
_SECRET_KEYS: Final = frozenset({
    "api", "access", "private", "secret", "encryption", "signing", "master", "auth", "account", "storage", "shared", "share", "ssh", "client",
    "service", "hmac", "aes", "webhook", "license", "app", "application", "admin", "deploy", "session", "fernet", "crypto", "crypt", "jwt",
    "rsa", "tls", "ssl", "gpg", "pgp", "subscription", "functions", "function", "instrumentation", "integration", "bot", "consumer", "stripe",
    "sendgrid", "openai", "anthropic", "datadog", "dd", "aws", "azure", "gcp", "write", "read", "ingest", "ingestion", "sas", "psk", "pre",
    "root", "user", "ca", "unseal", "unlock", "activation", "recovery", "cipher", "decryption", "wrapping", "csrf", "cookie", "server", "project", "organization", "org",
})  # fmt: skip


_BEFORE_KEY: Final = tuple(_SECRET_KEYS)


@lru_cache(maxsize=4096)
def telling(name: str) -> Telling:
    """What a name tells of its value."""
    found = _WORD.findall(name)
    words = [word.lower() for word in found]
    if words[-2:] == ["session", "id"]:
        return Telling.PERHAPS
    if not words or words[-1] in _NEUTRAL_ENDS or not name.isascii():
        return Telling.NOTHING
    near = words[-2:]
    if any(word.endswith(_PASSWORDS) or _is_pass(word) for word in near):
        return Telling.PASSWORD
    if any(word in _COUNTED and len(word) > 1 for word in words[:-1]) and words[-1] in (
        "token",
        "tokens",
        "key",
        "keys",
    ):
        return Telling.NOTHING
    if "key" in near and words[near.index("key") - len(near)] == "key":
        return _of_key(words, upper=name.isupper())
    if any(word.endswith(_SECRETS) if len(word) > 2 else word == "pw" for word in near) or _is_joined_key(words[-1]):
        return Telling.SECRET
    return Telling.PERHAPS if words[-1] in _PERHAPS else Telling.NOTHING


_NOT_NAMES_OF_SECRETS: Final = frozenset(
    [
        "client",
        "app",
        "application",
        "shared",
        "webhook",
        "signing",
        "cookie",
        "session",
        "api",
        "hmac",
        "jwt",
        "consumer",
        "oauth",
        "user",
        "auth",
        "access",
        "master",
        "encryption",
        "bot",
        "hash",
        "totp",
        "otp",
    ]
)
_NAME_OF_OBJECT: Final = re.compile(r"[a-z](?:[a-z0-9]{0,40}-){1,8}[a-z0-9]{1,40}")
_DRAWN: Final = re.compile(r"(?=[a-z]*\d)[a-z0-9]{8,}")


def names_a_secret(name: str, value: object) -> bool:
    """`existingSecret: db-credentials`: fields that end so hold names in most charts and kinds; not `clientSecret`."""
    words = [word.lower() for word in _WORD.findall(name)]
    if words[-1:] != ["secret"] or len(words) == 1 or words[-2] in _NOT_NAMES_OF_SECRETS or not isinstance(value, str):
        return False
    return _NAME_OF_OBJECT.fullmatch(value) is not None and not _DRAWN.search(value)


def _is_pass(word: str) -> bool:
    return word.endswith("pass") and not word.endswith(_NO_PASS)


def _is_joined_key(word: str) -> bool:
    """`userkey`, `storageaccountkey`."""
    return word.endswith("key") and word[:-3].endswith(_BEFORE_KEY)


def _of_key(words: list[str], *, upper: bool) -> Telling:
    before = words[: len(words) - 1 - words[::-1].index("key")]
    if not before:
        return Telling.PERHAPS
    if before[-1] in _HARMLESS_KEYS:
        return Telling.NOTHING
    if before[-1] in _SECRET_KEYS or upper or any(word.endswith(_SECRETS) for word in before):
        return Telling.SECRET
    return Telling.PERHAPS
