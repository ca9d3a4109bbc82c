"""The workloads that the demo breaks, as a small shop would run them."""

from __future__ import annotations

from typing import Any

REGISTRY = "registry.example"
_WORKING_SET = "aetherius.test/working-set"


def namespace(name: str) -> dict[str, Any]:
    """A namespace of its own for each run."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def deployment(name: str, space: str, *, replicas: int = 2, limit: str = "128Mi", uses: str = "48Mi") -> dict[str, Any]:
    """A Deployment whose containers use so much memory."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": space, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": {_WORKING_SET: uses}},
                "spec": {"containers": [container(name, limit)]},
            },
        },
    }


def container(name: str, limit: str = "128Mi", config_map: str = "") -> dict[str, Any]:
    """The one container of a workload."""
    described: dict[str, Any] = {
        "name": "app",
        "image": f"{REGISTRY}/{name}:v1",
        "resources": {"limits": {"memory": limit}, "requests": {"memory": "32Mi"}},
    }
    if config_map:
        described["envFrom"] = [{"configMapRef": {"name": config_map}}]
    return described


def with_config_map(name: str, config_map: str) -> dict[str, Any]:
    """The patch that makes a workload need a config map."""
    return {"spec": {"template": {"spec": {"containers": [container(name, config_map=config_map)]}}}}
