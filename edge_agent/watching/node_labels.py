"""What a report of a node is labelled with."""

from __future__ import annotations

from aetherius.domain.wire.event import Labels
from aetherius.edge_agent.kubernetes_objects import ZONE, Node


def labels_of_node(node: Node) -> Labels:
    """Its name, and the zone that it lies in, if that is known: what it has in common with its neighbours."""
    name, zone = node.metadata.name, node.metadata.labels.get(ZONE, "")
    return Labels(kind="Node", name=name, node=name, owner_kind="Zone" if zone else "", owner_name=zone)
