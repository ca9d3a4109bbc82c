"""What a kubelet says of the configuration that it could not give to a container: which object, which key, or that it is another matter altogether."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

CONFIG_MAP: Final = "ConfigMap"
SECRET: Final = "Secret"  # noqa: S105 - a kind
PROVIDER_CLASS: Final = "SecretProviderClass"
What = Literal["object", "key", "delivery", "driver", "cache", "mount", "security"]
"""An object or a key that is not there; a store that did not deliver; no driver for it; a kubelet that has not read yet; how it is mounted; who may run."""

_MAX_READ: Final = 8192
_NAME: Final = r"[\w.-]+"
_KINDS: Final = {"configmap": CONFIG_MAP, "secret": SECRET, "config": CONFIG_MAP}
_VOLUME: Final = re.compile(r'for volume "([^"]+)"')
_KEY: Final = re.compile(rf"couldn't find key (\S+) in (ConfigMap|Secret)(?: ({_NAME})/({_NAME}))?")
_VOLUME_KEY: Final = re.compile(r"references non-existent (config|secret) key: (\S+?)(?=[,\]\s]|\Z)")
_OBJECT: Final = re.compile(rf'\b(configmap|secret)s? "({_NAME})" not found')
_CLASS: Final = re.compile(
    rf'secretproviderclass\S* "({_NAME})" not found|failed to get secretproviderclass {_NAME}/({_NAME})', re.IGNORECASE
)
_OTHERS: Final[tuple[tuple[What, re.Pattern[str]], ...]] = (
    ("driver", re.compile(r"driver name \S+ not found in the list of registered CSI drivers")),
    ("delivery", re.compile(r"failed to mount secrets store objects|secrets-store\.csi\.k8s\.io")),
    ("cache", re.compile(r"failed to sync (?:configmap|secret)s? cache|object \S+ not registered")),
    ("security", re.compile(r"runAsNonRoot|run as root|non-root|non-numeric user")),
    ("mount", re.compile(r"sub[Pp]ath|SubPath|not a directory|mount a directory onto a file|error mounting")),
)


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. What the kubelet does not name is empty."""

    what: What
    kind: str = ""
    name: str = ""
    namespace: str = ""
    key: str = ""
    volume: str = ""


def complaints(message: str) -> list[Complaint]:
    """All that a message complains of, the most specific first; none for a message that speaks of something else."""
    text = message[:_MAX_READ]
    volume = found[1] if (found := _VOLUME.search(text)) else ""
    named = [*_keys(text, volume), *_objects(text, volume)]
    return named or [Complaint(what=what, volume=volume) for what, words in _OTHERS if words.search(text)][:1]


def _keys(text: str, volume: str) -> Iterator[Complaint]:
    for key, kind, namespace, name in _KEY.findall(text):
        yield Complaint(what="key", kind=kind, name=name, namespace=namespace, key=key, volume=volume)
    for kind, key in _VOLUME_KEY.findall(text):
        yield Complaint(what="key", kind=_KINDS[kind], key=key, volume=volume)


def _objects(text: str, volume: str) -> Iterator[Complaint]:
    for kind, name in _OBJECT.findall(text):
        yield Complaint(what="object", kind=_KINDS[kind], name=name, volume=volume)
    for one, other in _CLASS.findall(text):
        yield Complaint(what="object", kind=PROVIDER_CLASS, name=one or other, volume=volume)
