"""What only a person may have repaired: namespaces that everything else leans on."""

from __future__ import annotations

from typing import Final

PROTECTED_NAMESPACES: Final = ("kube-system", "kube-public", "kube-node-lease", "aetherius")
"""Kubernetes' own, and the platform's: a repair there that goes wrong takes away the means to mend it."""
