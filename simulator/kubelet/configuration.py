"""The config maps and secrets that a pod refers to, and which of them are missing."""

from __future__ import annotations

from collections.abc import Iterator

from aetherius.simulator.documents import Document
from aetherius.simulator.kinds import CONFIG_MAP, SECRET, Kind
from aetherius.simulator.object_store import ObjectStore

_WORDS = {CONFIG_MAP: "configmap", SECRET: "secret"}
_TITLES = {CONFIG_MAP: "ConfigMap", SECRET: "Secret"}


def missing_configuration(store: ObjectStore, namespace: str, container: Document) -> str:
    """What keeps the container from being created, in the kubelet's words; empty when nothing does."""
    for kind, reference in _references(container):
        found = store.find(kind, namespace, reference["name"])
        key = reference.get("key")
        if reference.get("optional"):
            continue
        if found is None:
            return f'{_WORDS[kind]} "{reference["name"]}" not found'
        if key is not None and key not in (found.get("data") or {}):
            return f"couldn't find key {key} in {_TITLES[kind]} {namespace}/{reference['name']}"
    return ""


def missing_volume(store: ObjectStore, pod: Document) -> str:
    """Why a volume of the pod cannot be mounted, in the kubelet's words; empty when all can."""
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or []:
        for kind, source, key in ((CONFIG_MAP, "configMap", "name"), (SECRET, "secret", "secretName")):
            reference = volume.get(source)
            if reference is None or reference.get("optional"):
                continue
            if store.find(kind, namespace, reference[key]) is None:
                return f'MountVolume.SetUp failed for volume "{volume["name"]}" : {_WORDS[kind]} "{reference[key]}" not found'
    return ""


def _references(container: Document) -> Iterator[tuple[Kind, Document]]:
    for source in container.get("envFrom") or []:
        for kind, field in ((CONFIG_MAP, "configMapRef"), (SECRET, "secretRef")):
            if field in source:
                yield kind, source[field]
    for variable in container.get("env") or []:
        for kind, field in ((CONFIG_MAP, "configMapKeyRef"), (SECRET, "secretKeyRef")):
            if field in (variable.get("valueFrom") or {}):
                yield kind, variable["valueFrom"][field]
