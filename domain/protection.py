"""What only a person may have repaired: namespaces that everything else leans on."""

from __future__ import annotations

from typing import Final

SYSTEM_NAMESPACES: Final = ("kube-system", "kube-public", "kube-node-lease")
"""Kubernetes' own."""
INSTALLED: Final = "aetherius"
"""The platform's own: where `deploy/agent-rbac.yaml` puts the agent."""
PROTECTED_NAMESPACES: Final = (*SYSTEM_NAMESPACES, INSTALLED)
"""A repair there that goes wrong takes away the means to mend it."""
