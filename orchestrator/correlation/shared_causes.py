"""Common cause first: incidents that point to one thing within minutes become members of one incident of that thing.

The correlator's, in its transaction. Nothing is decided of the members but the link; who would repair one looks at it (`remediation/gate.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Recorded
from aetherius.domain.fault.fault import REOPEN_WITHIN, Fault
from aetherius.domain.fault.sharing.kinds import SharedKinds
from aetherius.domain.fault.sharing.shared_thing import REASON, WITHIN, SharedThing
from aetherius.domain.incident import Incident, IncidentStatus, Opened
from aetherius.readers.state_tables.table import StateTable
from aetherius.readers.unit import Unit

MAX_MEMBERS: Final = 1000
"""Members of one thing whose end is awaited; more are linked, and not waited for."""
MAX_SIGNS: Final = 200
"""Signs of members that are folded into the thing's incident in one batch."""


class Suspicion(msgspec.Struct):
    """The incidents that point to a thing, each with its first sign, and the incident of the thing itself, once there were enough."""

    key: str
    incident_id: UUID | None = None
    members: list[UUID] = []
    seen: list[datetime] = []

    def forget_before(self, moment: datetime) -> None:
        """Drop members whose first sign is older."""
        kept = [(id, at) for id, at in zip(self.members, self.seen, strict=True) if at >= moment]
        self.members, self.seen = [id for id, _ in kept], [at for _, at in kept]

    def add(self, incident_id: UUID, at: datetime) -> None:
        """One more."""
        if incident_id not in self.members and len(self.members) < MAX_MEMBERS:
            self.members = [*self.members, incident_id]
            self.seen = [*self.seen, at]

    def drop(self, incident_id: UUID) -> None:
        """One less."""
        kept = [(id, at) for id, at in zip(self.members, self.seen, strict=True) if id != incident_id]
        self.members, self.seen = [id for id, _ in kept], [at for _, at in kept]


SuspicionTable = StateTable[str, Suspicion]
Save = Callable[[Incident, Recorded], None]


class SharedCauses:
    """Those of one batch: read when a sign points to one, changed in memory, stored at its end."""

    def __init__(self, unit: Unit, table: SuspicionTable, now: datetime, kinds: SharedKinds, save: Save) -> None:
        """`save`: stores an incident as part of its own story."""
        self._unit, self._table, self._now, self._kinds, self._save = unit, table, now, kinds, save
        self._known: dict[str, Suspicion] = {}
        self._signs: dict[UUID, list[Recorded]] = {}

    def suspect(self, recorded: Recorded, report: Reported, shown: Fault, member: Incident, at: datetime) -> None:
        """A sign of an incident: it may point to something that others point to as well."""
        for thing in self._kinds.pointed_to(report, shown):
            found = self._of(thing.key)
            parent = self._parent(found)
            if parent is None:
                found.forget_before(at - WITHIN)
            found.add(member.id, at)
            if parent is not None:
                self._link([member], parent, thing, recorded)
                self._signs.setdefault(parent.id, []).append(recorded)
            elif len(free := self._free(found)) >= self._kinds.enough(thing):
                self._open(thing, found, free, recorded, at)

    def ended(self, member: Incident, recorded: Recorded) -> None:
        """An incident is over: with the last member the thing's own incident is."""
        parent = self._unit.get(Incident, member.part_of) if member.part_of else None
        if parent is None or parent.opened is None:
            return
        opened = parent.opened
        for cluster_id in (opened.cluster_id, ""):
            thing = SharedThing(kind=opened.kind, name=opened.name, namespace=opened.namespace, cluster_id=cluster_id)
            found = self._of(thing.key)
            if found.incident_id == parent.id:
                self._leave(found, member, parent, recorded)

    def store(self) -> None:
        """Write what changed, with the unit."""
        for parent_id, signs in self._signs.items():
            self._fold(self._unit.get(Incident, parent_id), signs[-MAX_SIGNS:])
        self._table.put(self._unit, *(each for each in self._known.values() if each.members or each.incident_id))

    def _of(self, key: str) -> Suspicion:
        if key not in self._known:
            self._known[key] = next(iter(self._table.of(self._unit, [key])), Suspicion(key))
        return self._known[key]

    def _parent(self, found: Suspicion) -> Incident | None:
        parent = self._unit.get(Incident, found.incident_id) if found.incident_id else None
        return parent if parent is not None and parent.active else None

    def _free(self, found: Suspicion) -> list[Incident]:
        """Members that go on, and are part of nothing else."""
        incidents = (self._unit.get(Incident, each) for each in found.members)
        return [each for each in incidents if each.active and each.part_of in (None, found.incident_id)]

    def _open(
        self, thing: SharedThing, found: Suspicion, members: Sequence[Incident], recorded: Recorded, at: datetime
    ) -> None:
        """Or reopen the one that has just ended."""
        if found.incident_id and self._ended_lately(found.incident_id, at):
            parent = self._unit.get(Incident, found.incident_id)
            parent.reopen(recorded.stream_id, REASON, self._now)
        else:
            first = min((each.opened for each in members if each.opened), key=lambda each: each.onset)
            parent = self._unit.get(Incident, Incident.id_of(thing.subject(first.cluster_id), at))
            if parent.status is IncidentStatus.NEW:
                parent.open(_opened(thing, members, first), self._now)
            ids = [each.opened.event_id for each in members if each.opened and each.opened.event_id != first.event_id]
            parent.correlate(ids, [], [], self._now)
        self._save(parent, recorded)
        found.incident_id = parent.id
        self._link(members, parent, thing, recorded)

    def _ended_lately(self, parent_id: UUID, at: datetime) -> bool:
        parent = self._unit.get(Incident, parent_id)
        history = self._unit.history(parent_id)
        return (
            parent.status is IncidentStatus.RESOLVED and bool(history) and at <= history[-1].occurred_at + REOPEN_WITHIN
        )

    def _link(self, members: Sequence[Incident], parent: Incident, thing: SharedThing, recorded: Recorded) -> None:
        for each in members:
            if each.link(parent.id, f"{thing.kind} {thing.name} fails for several", self._now):
                self._save(each, recorded)

    def _leave(self, found: Suspicion, member: Incident, parent: Incident, recorded: Recorded) -> None:
        found.drop(member.id)
        members = (self._unit.get(Incident, each) for each in found.members)
        if any(each.active and each.part_of == parent.id for each in members):
            return
        if parent.resolve("recovered", "all that it failed for is over", self._now):
            self._save(parent, recorded)

    def _fold(self, parent: Incident, signs: Sequence[Recorded]) -> None:
        reports = [each.event for each in signs if isinstance(each.event, Reported)]
        parent.correlate([each.stream_id for each in signs], [each.reason for each in reports], [], self._now)
        worst = max(reports, key=lambda each: each.severity.rank)
        if parent.active:
            parent.escalate(worst.severity, worst.reason, self._now)
        self._save(parent, signs[0])


def _opened(thing: SharedThing, members: Sequence[Incident], first: Opened) -> Opened:
    return Opened(
        cluster_id=first.cluster_id,
        namespace=thing.namespace,
        kind=thing.kind,
        name=thing.name,
        symptom=thing.subject(first.cluster_id).symptom,
        severity=max((each.severity for each in members), key=lambda each: each.rank),
        reason=REASON,
        message=f"{len(members)} incidents within minutes point to {thing.kind} {thing.name}",
        onset=first.onset,
        event_id=first.event_id,
    )
