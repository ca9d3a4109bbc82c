"""Takes secrets out of what leaves the cluster: known shapes in text, and the fields of objects that the command policy names.

What is taken out is replaced by a short hash, so that equal values can still be recognised as equal. This lowers a risk, it does not remove it: the
agent's own rights (no secrets, no exec) are the wall, this is the net behind it.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
CLEAR_CONFIG_MAPS: Final = frozenset({"coredns", "cluster-autoscaler-status"})
"""Config maps whose values are settings of the cluster itself and are needed for a diagnosis."""
SAFE_ENV: Final = re.compile(
    r"(?:.*_)?(?:PORT|HOST|MODE|LEVEL|REGION|ZONE|TZ|LANG|REPLICAS|LIMIT|SIZE|TIMEOUT|THREADS|WORKERS|GOMAXPROCS|GOMEMLIMIT)"
)
"""Names of variables whose values help and are no secrets."""

_SHAPES: Final = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # a JSON web token
    re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}|glpat-[\w-]{15,})"),
    re.compile(r"(?i)(?<=bearer )[\w.~+/=-]{8,}"),
    re.compile(r"(?i)(?<=basic )[\w+/=]{12,}"),
    re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"),
)
_TELLING_NAME = (
    r"[\w.-]*(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w.-]*"
)
# A quoted name takes a quoted value (JSON); else `volume "db-secret" : secret "db-secret" not found` would lose what failed.
_NAMED: Final = re.compile(
    rf"(?i)({_TELLING_NAME}(?:[\"']\s*[:=]\s*(?=[\"'])|\s*[:=]\s*))(\"[^\"\n]{{3,}}\"|'[^'\n]{{3,}}'|[^\s\"',;]{{3,}})"
)
_LONG: Final = re.compile(r"(?<![\w./:@-])[A-Za-z0-9+/_-]{32,}={0,2}(?![\w.])")
_HARMLESS_LONG: Final = re.compile(r"[0-9a-f]{32,64}|[0-9a-f-]{36}|[a-z0-9]+(?:[-/_][a-z0-9]+)+", re.IGNORECASE)
_MIN_ENTROPY: Final = 4.2
"""Bits per character: English words joined by dashes stay below 4, random base64 of this length lies above 4.5."""


def hashed(value: object) -> str:
    """The mark that stands for a secret."""
    return f"[redacted:{hashlib.sha256(str(value).encode()).hexdigest()[:8]}]"


def mask_text(text: str) -> str:
    """The text without what looks like a secret: tokens, keys, passwords after their names, long random strings."""
    for shape in _SHAPES:
        text = shape.sub(lambda match: hashed(match[0]), text)
    text = _NAMED.sub(_mask_named, text)
    return _LONG.sub(_mask_random, text)


def _mask_named(match: re.Match[str]) -> str:
    return match[0] if match[2].startswith("[redacted") else match[1] + hashed(match[2].strip("\"'"))


def _mask_random(match: re.Match[str]) -> str:
    word = match[0]
    if _HARMLESS_LONG.fullmatch(word) or _entropy(word) < _MIN_ENTROPY:
        return word
    return hashed(word)


def _entropy(word: str) -> float:
    counts = Counter(word).values()
    return -sum(count / len(word) * math.log2(count / len(word)) for count in counts)


def mask_object(document: Any) -> Any:
    """An object or a list of them, as `get -o json` prints them, without the values that the policy hides."""
    if not isinstance(document, dict):
        return document
    if isinstance(document.get("items"), list):
        return {**document, "items": [mask_object(item) for item in document["items"]]}
    masked = _walk(document)
    if document.get("kind") == "ConfigMap" and document.get("metadata", {}).get("name") not in CLEAR_CONFIG_MAPS:
        for field in ("data", "binaryData"):
            if isinstance(masked.get(field), dict):
                masked[field] = {
                    key: f"{len(str(value))} characters {hashed(value)}" for key, value in masked[field].items()
                }
    if document.get("kind") == "CertificateSigningRequest":
        masked.get("spec", {}).pop("request", None)
        masked.get("status", {}).pop("certificate", None)
    return masked


def _walk(value: Any) -> Any:
    if isinstance(value, list):
        return [_walk(each) for each in value]
    if isinstance(value, str):
        return mask_text(value)
    if not isinstance(value, dict):
        return value
    return {
        key: _FIELDS[key](each) if key in _FIELDS else _walk(each) for key, each in value.items() if key != "caBundle"
    }


def _mask_env(value: Any) -> Any:
    if not isinstance(value, list):
        return _walk(value)
    return [_mask_variable(each) if isinstance(each, dict) else each for each in value]


def _mask_variable(variable: dict[str, Any]) -> dict[str, Any]:
    if "value" not in variable or SAFE_ENV.fullmatch(str(variable.get("name", ""))):
        return variable
    return {**variable, "value": hashed(variable["value"])}


def _mask_words(value: Any) -> Any:
    return [hashed(each) for each in value] if isinstance(value, list) else _walk(value)


def _mask_annotations(value: Any) -> Any:
    if not isinstance(value, dict):
        return _walk(value)
    return {key: hashed(each) if key == LAST_APPLIED else _walk(each) for key, each in value.items()}


_FIELDS: Final[dict[str, Callable[[Any], Any]]] = {
    "env": _mask_env,
    "args": _mask_words,
    "command": _mask_words,
    "annotations": _mask_annotations,
}

_BLOCK: Final = re.compile(r"^(\s*)(Environment|Args|Command|Annotations):(.*)$")


def mask_description(text: str) -> str:
    """`kubectl describe`'s text with the values of its Environment, Args, Command and Annotations blocks hidden, line by line."""
    lines: list[str] = []
    block, indent = "", -1
    for line in text.split("\n"):
        head = _BLOCK.match(line)
        if head:
            block, indent = head[2], len(head[1])
            lines.append(f"{head[1]}{block}:{_mask_block_line(block, head[3])}")
        elif block and line.strip() and len(line) - len(line.lstrip()) > indent:
            lines.append(_mask_block_line(block, line))
        else:
            block = ""
            lines.append(line)
    return mask_text("\n".join(lines))


def _mask_block_line(block: str, line: str) -> str:
    """Names stay, values go; references to config maps and secrets are names."""
    value = line.strip()
    if value in ("", "<none>") or "[redacted" in value:
        return line
    space = line[: len(line) - len(line.lstrip())]
    if block in ("Args", "Command"):
        return space + hashed(value)
    name, colon, rest = value.partition(":")
    rest = rest.strip()
    if not colon or not rest or rest.startswith("<set to ") or SAFE_ENV.fullmatch(name):
        return line
    return f"{space}{name}:  {hashed(rest)}"
