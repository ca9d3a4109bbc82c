"""Whether an incident is left alone because what it has in common with others is looked after instead."""

from __future__ import annotations

from aetherius.domain.incident import Incident
from aetherius.readers.unit import Unit


def common_trouble(unit: Unit, incident: Incident) -> str:
    """What it is part of, in words, while that goes on; empty otherwise."""
    parent = unit.get(Incident, incident.part_of) if incident.part_of else None
    if parent is None or not parent.active or parent.opened is None:
        return ""
    what = f"{parent.opened.kind} {parent.opened.name}"
    return f"it is part of incident {parent.id}: {what} fails for several, and none of them is repaired by itself"
