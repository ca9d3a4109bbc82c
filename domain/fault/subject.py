"""What an incident is about."""

from __future__ import annotations

import msgspec


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A workload of a namespace, or a node, and the symptom it shows. Its key names at most one open incident."""

    cluster_id: str
    namespace: str
    kind: str
    name: str
    symptom: str
    """Of a fault in this folder: how it shows, before anyone knows its cause."""

    @property
    def key(self) -> str:
        """The parts as one string, `/` between them (no name of Kubernetes has a slash)."""
        return f"{self.cluster_id}/{self.namespace}/{self.kind}/{self.name}/{self.symptom}"
