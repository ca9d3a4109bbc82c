"""A strategy: which workflow looks into which symptom, and with what parameters."""

from __future__ import annotations

from uuid import UUID

import msgspec

from aetherius.domain.event import Event


class Selected(Event, stream="Strategy", frozen=True, kw_only=True):
    """A strategy was chosen for an incident (one such stream an incident and start of its workflow)."""

    incident_id: UUID
    workflow_id: UUID
    strategy: str
    workflow: str
    because: str


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """The workflow that collects evidence, analyses and repairs."""

    id: str
    workflow: str
    about: str
    parameters: dict[str, str] = {}
