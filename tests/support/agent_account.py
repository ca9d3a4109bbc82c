"""The agent's own account on a real control plane: the rights of `deploy/agent-rbac.yaml`, a token, and what was refused to it."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from aetherius.runtime.data_folder import write_private
from cluster_probe import ClusterProbe

RBAC = Path(__file__).parents[2] / "deploy" / "agent-rbac.yaml"
NAMESPACE, ACCOUNT = "aetherius", "aetherius-agent"
USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"


def kubeconfig_of_agent(admin: ClusterProbe, file: Path) -> Path:
    """Grant the agent what it needs, and write a kubeconfig with a token of its service account (mode 600)."""
    admin = admin.within(NAMESPACE)
    admin.kubectl("apply", "-f", str(RBAC))
    config = yaml.safe_load(admin.kubeconfig.read_text())
    token = admin.kubectl("create", "token", ACCOUNT, "--duration=1h").strip()
    config["users"][0]["user"] = {"token": token}
    write_private(file, json.dumps(config))
    return file


def refusals(audit_log: Path) -> set[str]:
    """What the agent asked its API server for and had no right to, from the server's audit log."""
    entries = (json.loads(line) for line in audit_log.read_text().splitlines())
    return {
        f"{entry['verb']} {entry['requestURI']}"
        for entry in entries
        if entry["user"]["username"] == USER and entry.get("responseStatus", {}).get("code") == 403
    }


def may(admin: ClusterProbe, verb: str, resource: str) -> bool:
    """Whether the agent may do something in any namespace. `resource` as `RESOURCE.GROUP`, `RESOURCE/SUBRESOURCE`."""
    name, _, group = resource.partition(".")
    name, _, subresource = name.partition("/")
    asked = {"verb": verb, "group": group, "resource": name, "subresource": subresource}
    groups = ["system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}"]
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    spec = {"user": USER, "groups": groups, "resourceAttributes": asked}
    status, answer = admin.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body | {"spec": spec})
    assert status == 201, answer
    allowed: bool = answer["status"]["allowed"]
    return allowed
