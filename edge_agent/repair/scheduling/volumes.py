"""The volumes that bind a pod to places: claims whose volume only some nodes can reach, and data that lies on the node itself."""

from __future__ import annotations

from collections.abc import Iterator

from aetherius.edge_agent.errors import ClusterRefusedError
from aetherius.edge_agent.kubernetes_api import KubernetesApi
from aetherius.edge_agent.kubernetes_objects import ZONE, Node
from aetherius.edge_agent.repair.scheduling.pods import Document, SchedulingPod
from aetherius.edge_agent.repair.scheduling.selectors import fits_terms


class Volumes:
    """Volumes of one cluster, each read once."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._terms: dict[tuple[str, str], list[Document] | None] = {}

    def objection(self, pod: SchedulingPod, node: Node) -> str:
        """The claim that cannot be reached from a node; empty for none. What we may not read is taken to be out of reach."""
        for claim in claims_of(pod):
            key = (pod.metadata.namespace, claim)
            if key not in self._terms:
                self._terms[key] = self._read(*key)
            terms = self._terms[key]
            if terms is None:
                return f"its claim {claim} cannot be looked at"
            if terms and not fits_terms(terms, node.metadata.labels, node.metadata.name):
                return f"the volume of its claim {claim} is bound to other nodes"
        return ""

    def _read(self, namespace: str, claim: str) -> list[Document] | None:
        """The terms of the node affinity of a claim's volume: none for a claim that is not bound; None where we may not look."""
        try:
            found = self._api.find(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}")
            name = str(((found or {}).get("spec") or {}).get("volumeName") or "")
            volume = self._api.find(f"/api/v1/persistentvolumes/{name}") if name else None
        except ClusterRefusedError as exc:
            if exc.status == 403:
                return None
            raise
        zones = str((((volume or {}).get("metadata") or {}).get("labels") or {}).get(ZONE, ""))
        if zones:  # an older volume of a cloud says its zones by a label
            return [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": zones.split("__")}]}]
        required = (((volume or {}).get("spec") or {}).get("nodeAffinity") or {}).get("required") or {}
        return list(required.get("nodeSelectorTerms") or ())


def claims_of(pod: SchedulingPod) -> Iterator[str]:
    """Names of the claims that a pod mounts, generic ephemeral ones too."""
    for volume in pod.spec.volumes:
        if claim := volume.get("persistentVolumeClaim"):
            yield str(claim.get("claimName"))
        elif volume.get("ephemeral"):
            yield f"{pod.metadata.name}-{volume.get('name')}"


def local_data(pod: SchedulingPod) -> list[str]:
    """Volumes whose data lies on the node and is gone with the pod, or stays behind: `emptyDir` (but in memory) and `hostPath`."""
    found = []
    for volume in pod.spec.volumes:
        empty = volume.get("emptyDir")
        if empty is not None and (empty or {}).get("medium") != "Memory":
            found.append(f"emptyDir {volume.get('name')}")
        elif volume.get("hostPath"):
            found.append(f"hostPath {volume.get('name')}")
    return found
