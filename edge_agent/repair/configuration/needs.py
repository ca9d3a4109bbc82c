"""Config maps, secrets and provider classes without which a pod of a template does not start. What is optional is no need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from aetherius.domain.diagnosis.config_complaint import CONFIG_MAP, PROVIDER_CLASS, SECRET
from aetherius.edge_agent.repair.cluster import Document

CSI_DRIVER: Final = "secrets-store.csi.k8s.io"


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """One reference: what is needed, which keys of it, and by what."""

    kind: str
    name: str
    where: str
    keys: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """A config map by its name, a secret as `secret/NAME`."""
        return self.name if self.kind == CONFIG_MAP else f"{self.kind.lower()}/{self.name}"


def needs(spec: Document) -> Iterator[Need]:
    """All of a pod's or template's spec, in its order."""
    for volume in spec.get("volumes") or ():
        yield from _of_volume(volume)
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        yield from _of_container(container)


def needed_config(spec: Document) -> list[str]:
    """Config maps, and secrets as `secret/NAME`, each once, in order."""
    return sorted({each.words for each in needs(spec) if each.kind != PROVIDER_CLASS})


def needed_keys(spec: Document) -> list[str]:
    """`NAME:KEY` and `secret/NAME:KEY` of the keys that are needed by name."""
    return sorted({f"{each.words}:{key}" for each in needs(spec) for key in each.keys})


def _of_volume(volume: Document) -> Iterator[Need]:
    where = f"volume {volume['name']}"
    for source in (volume, *((volume.get("projected") or {}).get("sources") or ())):
        yield from _named(source.get("configMap"), source.get("secret"), where)
    csi = volume.get("csi") or {}
    name = (csi.get("volumeAttributes") or {}).get("secretProviderClass")
    if csi.get("driver") == CSI_DRIVER and name:
        yield Need(kind=PROVIDER_CLASS, name=str(name), where=where)


def _of_container(container: Document) -> Iterator[Need]:
    for source in container.get("envFrom") or ():
        yield from _named(source.get("configMapRef"), source.get("secretRef"), f"envFrom of {container['name']}")
    for variable in container.get("env") or ():
        value = variable.get("valueFrom") or {}
        where = f"env {variable['name']} of {container['name']}"
        yield from _named(value.get("configMapKeyRef"), value.get("secretKeyRef"), where)


def _named(config_map: Document | None, secret: Document | None, where: str) -> Iterator[Need]:
    for kind, reference in ((CONFIG_MAP, config_map), (SECRET, secret)):
        if (
            reference
            and not reference.get("optional")
            and (name := reference.get("name") or reference.get("secretName"))
        ):
            yield Need(kind=kind, name=str(name), where=where, keys=_keys(reference))


def _keys(reference: Document) -> tuple[str, ...]:
    by_item = (str(item["key"]) for item in reference.get("items") or ())
    return (str(reference["key"]),) if reference.get("key") else tuple(by_item)
