"""One thing that the agent saw, before it has a place in the agent's own sequence (the spool gives that)."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from aetherius.domain.wire.event import ASIDE, EVENT, EventMessage, Labels, RawData, Severity
from aetherius.domain.wire.identity import observation_id

MAX_MESSAGE = 4096
"""Characters kept of a message: what matters stands at its beginning, and 100 of them must fit into one NATS message."""


MAX_NAME = 253
"""Characters of a name, a reason or a source on the wire."""
MAX_COUNT = 2**31 - 1
"""The largest number in a report."""
AHEAD = timedelta(minutes=4)
"""How far ahead of the agent's clock a time may be. A platform takes five minutes."""
OLDEST = timedelta(days=13)
"""How long ago a time may be. A platform takes fourteen days."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """The event message without agent, epoch and sequence."""

    id: str
    cluster_id: str
    timestamp: datetime
    source: str
    severity: Severity
    reason: str
    message: str
    namespace: str = ""
    labels: Labels
    raw_data: RawData = RawData()
    uid: str = ""
    resource_version: str = ""
    excuse: str = ""
    """Why it is no sign of trouble, though it reads like one (`EventMessage.type`); empty otherwise."""
    failing: bool | None = None
    """True: the object `uid` fails from now on; False: it is well again; None: says nothing about that."""
    hearsay: bool = False
    """An event tells that it fails: news only of an object that is not known to, as an event knows neither its owner for sure nor whether it is gone."""
    part: str = ""
    """Of the object `uid` what `failing` is about: a condition of a node; empty for the object as a whole."""
    after_failure: bool = False
    """It is news only of an object that is known to fail, as what makes one well again is."""
    present: bool = False
    """It is so now, however long it has been so: never too old to be told."""

    def numbered(self, agent_id: str, epoch: int, sequence: int) -> EventMessage:
        """The event message at its place."""
        return EventMessage(
            id=self.id,
            cluster_id=self.cluster_id,
            timestamp=self.timestamp,
            type=ASIDE + self.excuse if self.excuse else EVENT,
            source=clipped(self.source),
            severity=self.severity,
            reason=clipped(self.reason),
            message=self.message,
            namespace=clipped(self.namespace),
            labels=_labels(self.labels),
            raw_data=_raw_data(self.raw_data),
            uid=clipped(self.uid),
            resource_version=clipped(self.resource_version),
            agent_id=agent_id,
            epoch=epoch,
            sequence=sequence,
        )


def dated(observation: Observation, now: datetime) -> Observation:
    """With a time that a log accepts: what has been so for weeks is told as of a day, and what a clock ahead of ours says as of this hour.

    Both give the same id when it is seen again within that day or hour.
    """
    if observation.timestamp > now + AHEAD:
        return _at(observation, now.replace(minute=0, second=0, microsecond=0))
    if observation.timestamp < now - OLDEST:
        return _at(observation, (now - OLDEST).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1))
    return observation


def _at(observation: Observation, at: datetime) -> Observation:
    id = observation_id(observation.cluster_id, at, observation.id)
    return msgspec.structs.replace(observation, id=id, timestamp=at)


def clipped(text: str) -> str:
    """A name as the wire takes it: without control characters, at most `MAX_NAME` long."""
    kept = text[:MAX_NAME]
    return kept if kept.isprintable() else "".join(char if char.isprintable() else " " for char in kept)


def _labels(labels: Labels) -> Labels:
    return Labels(**{name: clipped(getattr(labels, name)) for name in Labels.__struct_fields__})


def _raw_data(raw: RawData) -> RawData:
    return msgspec.structs.replace(
        raw,
        container=clipped(raw.container),
        memory_limit=clipped(raw.memory_limit),
        image=shortened(raw.image),
        count=_bounded(raw.count),
        exit_code=None if raw.exit_code is None else _bounded(raw.exit_code),
        restart_count=None if raw.restart_count is None else _bounded(raw.restart_count),
    )


def _bounded(number: int) -> int:
    return max(-MAX_COUNT, min(number, MAX_COUNT))


def shortened(text: str) -> str:
    """The text without control characters, cut to `MAX_MESSAGE`."""
    printable = "".join(char if char.isprintable() or char == "\n" else " " for char in text[: MAX_MESSAGE + 1])
    return printable if len(printable) <= MAX_MESSAGE else printable[: MAX_MESSAGE - 1] + "…"
