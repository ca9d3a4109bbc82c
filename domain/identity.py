"""Deterministic ids: what happened names the stream, so that a repeat meets the primary key and writes nothing."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6f0e3c52-2a4e-5d5b-9b1c-9f3a3a1d7e10")


def stable_id(kind: str, *parts: object) -> UUID:
    """The id of the `kind` that these parts name; the same parts always give the same id."""
    return uuid5(_NAMESPACE, "\x1f".join((kind, *map(str, parts))))


def cluster_stream(cluster_id: str) -> UUID:
    """Stream of a cluster."""
    return stable_id("Cluster", cluster_id)


def agent_stream(cluster_id: str, agent_id: str) -> UUID:
    """Stream of an agent of a cluster."""
    return stable_id("Agent", cluster_id, agent_id)
