"""A pod that is only tried: created as a server-side dry run, so that everything that admits or refuses pods has its say before a rollout begins."""

from __future__ import annotations

from typing import Final

from aetherius.edge_agent.errors import ClusterRefusedError, RepairRefusedError
from aetherius.edge_agent.repair.cluster import Cluster, Document

NOT_TRIED: Final = "a pod of it was not tried: this agent has no right to create pods, not even as a dry run"
_REFUSALS: Final = (400, 403, 422)


def try_pod(cluster: Cluster, deployment: Document) -> str:
    """Try a pod of a Deployment's template (as a dry run of the change gave it back); empty, or why it was not tried.

    Raises:
        RepairRefusedError: no pod of it would be admitted.
    """
    namespace = deployment["metadata"]["namespace"]
    if not cluster.may("create", "pods", namespace):
        return NOT_TRIED
    template = deployment["spec"]["template"]
    metadata = {key: template["metadata"][key] for key in ("labels", "annotations") if template["metadata"].get(key)}
    metadata |= {"name": f"{deployment['metadata']['name'][:200]}-aetherius-trial", "namespace": namespace}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    try:
        cluster.api.create(f"/api/v1/namespaces/{namespace}/pods", body, dry_run=True)
    except ClusterRefusedError as exc:
        if exc.status not in _REFUSALS:
            raise
        raise RepairRefusedError(f"no pod of it would be admitted: {exc.message}") from exc
    return ""
