"""The look at what a pod's configuration refers to: which objects there are, which cannot be seen, and who should have made those that are not there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from aetherius.domain.repair.action import Look, Phase
from aetherius.domain.repair.answers import Name

State = Literal["exists", "missing", "unseen"]
"""`unseen`: the agent has no right to look. That is neither of the other two."""


class PodConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Read what a pod refers to, by metadata alone: no value of a config map or secret is read."""

    pod: Name


class ConfigSource(msgspec.Struct, frozen=True, kw_only=True):
    """An object from which a controller makes a secret or config map."""

    kind: str
    name: str
    since: datetime
    """From when on the object is awaited: the source and the pod are there."""
    settle_seconds: float
    """How long such a controller is given, by its kind."""
    said: str = ""
    """What it says of itself: its condition."""
    ready: bool | None = None
    """What that condition says; None for nothing."""
    mounted: bool = True
    """False: it delivers only while a pod mounts it, and this one does not."""

    def awaited_for(self, now: datetime) -> timedelta:
        """How long it has had."""
        return max(now - self.since, timedelta(0))

    def is_settling(self, now: datetime) -> bool:
        """Whether it has more time."""
        return self.awaited_for(now) < timedelta(seconds=self.settle_seconds)


class ConfigReference(msgspec.Struct, frozen=True, kw_only=True):
    """An object that the pod needs (what is optional is left out)."""

    kind: str
    name: str
    where: list[str]
    """What needs it, as `volume V`, `env N of C`, `envFrom of C`."""
    keys: list[str]
    """Keys of it that are needed by name."""
    state: State
    known_keys: list[str] | None = None
    """Keys that it has, by the server's record of who wrote them; None where that does not tell."""
    immutable: bool = False
    created: datetime | None = None
    changed: datetime | None = None
    changed_by: str = ""
    """The program that wrote it last."""
    elsewhere: list[str] = []
    """Other namespaces that have one of its name."""
    source: ConfigSource | None = None

    @property
    def words(self) -> str:
        """As a history names it: a config map by its name, others as `secret/NAME`."""
        return self.name if self.kind == "ConfigMap" else f"{self.kind.lower()}/{self.name}"


class PodConfigAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent answers."""

    pod: str
    namespace: str
    looked_at: datetime
    waiting: list[str]
    """What the kubelet says now of the containers that wait, and of the mounts that fail."""
    references: list[ConfigReference]
    sibling: str = ""
    """Another pod of the same template that runs: what it needed was there when it started."""
    sibling_started: datetime | None = None
    settling: Literal["", "short", "middle", "long"] = ""
    """How much more time the slowest source needs: up to 2, 5 or 10 minutes."""


class PodConfigLook(Look[PodConfig]):
    """The entry."""

    name = "PodConfig"
    parameters = PodConfig
    asks = Phase.READ

    def object_of(self, parameters: PodConfig) -> str:
        """The pod."""
        return parameters.pod


ENTRY = PodConfigLook()
