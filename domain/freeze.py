"""A freeze: for a time, or until somebody lifts it, the platform changes nothing in what it covers. One that covers everything is the kill switch."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.errors import WrongStateError
from aetherius.domain.event import Event
from aetherius.domain.identity import stable_id


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a freeze covers: everything that has all that is given; empty, everything there is."""

    cluster_id: str = ""
    namespace: str = ""
    environment: str = ""
    """Value of a cluster's label `environment`."""

    def covers(self, cluster_id: str, namespace: str, environment: str) -> bool:
        """Whether something of this cluster, namespace and environment is in it. What has no namespace (a node) is in no namespace's."""
        return all(
            wanted in ("", there)
            for wanted, there in (
                (self.cluster_id, cluster_id),
                (self.namespace, namespace),
                (self.environment, environment),
            )
        )

    @property
    def in_words(self) -> str:
        """`cluster north, namespace shop`, or `everything`."""
        named = (("environment", self.environment), ("cluster", self.cluster_id), ("namespace", self.namespace))
        return ", ".join(f"{name} {value}" for name, value in named if value) or "everything"


def scopes_around(cluster_id: str, namespace: str, environment: str) -> list[Scope]:
    """Every scope that covers something of this cluster, namespace and environment."""
    return [
        Scope(cluster_id=a, namespace=b, environment=c)
        for a in dict.fromkeys(("", cluster_id))
        for b in dict.fromkeys(("", namespace))
        for c in dict.fromkeys(("", environment))
    ]


def freeze_stream(scope: Scope) -> UUID:
    """The stream of the freezes of a scope: there is at most one at a time."""
    return stable_id("Freeze", scope.cluster_id, scope.namespace, scope.environment)


class Set(Event, stream="Freeze", frozen=True, kw_only=True):
    """From now on nothing is changed there. A later one of the same scope takes its place."""

    scope: Scope
    reason: str
    by: str
    until: datetime | None = None
    """None: until it is lifted."""


class Lifted(Event, stream="Freeze", frozen=True, kw_only=True):
    """Changes are allowed again."""

    by: str
    reason: str = ""


class Freeze(Aggregate):
    """The freeze of one scope."""

    stream = "Freeze"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.present: Set | None = None
        """The latest that was not lifted; it may be over."""

    def set(self, scope: Scope, reason: str, by: str, until: datetime | None, at: datetime) -> None:
        """Freeze, or say anew why and until when.

        Raises:
            WrongStateError: it would be over already.
        """
        if until is not None and until <= at:
            raise WrongStateError(f"a freeze of {scope.in_words} that ends at {until:%F %T}", "over", "set")
        wanted = Set(scope=scope, reason=reason, by=by, until=until)
        if wanted != self.present:
            self.record(wanted, at)

    def lift(self, by: str, reason: str, at: datetime) -> None:
        """Allow changes again. Raises ``WrongStateError`` when nothing is frozen."""
        if self.present is None:
            raise WrongStateError(f"freeze {self.id}", "not set", "lift")
        self.record(Lifted(by=by, reason=reason), at)

    def holds(self, at: datetime) -> bool:
        """Whether it is in force."""
        return self.present is not None and (self.present.until is None or at < self.present.until)

    def evolve(self, event: Event) -> None:
        match event:
            case Set():
                self.present = event
            case Lifted():
                self.present = None
            case _:
                pass
