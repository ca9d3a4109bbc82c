"""A witness of the log: reads it from outside, position by position, through every outage, and says what a story must look like."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

from aetherius.domain import command as commands
from aetherius.domain import incident as incidents
from aetherius.domain import remediation as remediations
from aetherius.domain.cluster_event import Reported
from aetherius.domain.errors import InfrastructureError
from aetherius.domain.event import Event, Recorded
from aetherius.event_store.log import Log

T = TypeVar("T")
E = TypeVar("E", bound=Event)


class Witness:
    """Remembers every event it ever saw. What was seen once must stay: a position that comes again, or is left out, fails the test."""

    def __init__(self, dsn: str) -> None:
        self._log = Log(dsn, pool_size=2, timeout=2.0)
        self.history: list[Recorded] = []

    def close(self) -> None:
        """Let the connections go."""
        self._log.close()

    def look(self) -> None:
        """Read on; returns as soon as all is seen, or the log is away."""
        while True:
            try:
                found = self._log.read(len(self.history), 1000)
            except InfrastructureError:
                return
            positions = [each.position for each in found]
            wanted = list(range(len(self.history) + 1, len(self.history) + 1 + len(found)))
            assert positions == wanted, [each for each in zip(positions, wanted, strict=True) if each[0] != each[1]]
            self.history += found
            if len(found) < 1000:
                return

    def until(self, probe: Callable[[], T], what: str | Callable[[], str], within: float = 120.0) -> T:
        """Read on until the probe says something true. `what`: that is waited for; asked for at the end, if it can be called."""
        end = time.monotonic() + within
        while True:
            self.look()
            if found := probe():
                return found
            assert time.monotonic() < end, f"not within {within:g} s: {what if isinstance(what, str) else what()}"
            time.sleep(0.02)

    def all(self, kind: type[E], after: int = 0) -> list[tuple[Recorded, E]]:
        """The events of a kind behind a position."""
        return [(each, each.event) for each in self.history[after:] if isinstance(each.event, kind)]

    def story(self, space: str, name: str) -> Story:
        """The story of the one workload."""
        return Story(self, space, name)

    def reports_of(self, cluster: str) -> list[tuple[Recorded, Reported]]:
        """What a cluster reported."""
        return [found for found in self.all(Reported) if found[1].cluster_id == cluster]


class Story:
    """The incident of one workload, and all that came of it."""

    def __init__(self, witness: Witness, space: str, name: str) -> None:
        self._witness = witness
        self.space, self.name = space, name

    def __repr__(self) -> str:
        return f"{self.space}/{self.name}"

    def opened(self) -> list[UUID]:
        """Incidents of the workload."""
        found = self._witness.all(incidents.Opened)
        return [each.stream_id for each, event in found if (event.namespace, event.name) == (self.space, self.name)]

    def events(self) -> list[Recorded]:
        """All that belongs to its incidents."""
        ids = set(self.opened())
        return [each for each in self._witness.history if each.stream_id in ids or each.cause.correlation_id in ids]

    def happened(self, kind: type[Event] | str) -> bool:
        """Whether an event of a kind is there."""
        name = kind if isinstance(kind, str) else kind.type_name
        return any(each.event.type_name == name for each in self.events())

    def until(self, kind: type[Event] | str, within: float = 120.0) -> None:
        """Wait for an event of a kind."""
        self._witness.until(
            lambda: self.happened(kind), lambda: f"{kind} of {self}: {self.told()} {self._said()}", within
        )

    def question(self) -> UUID:
        """The remediation that a person is asked about."""
        [asked] = [each for each in self.events() if isinstance(each.event, remediations.ApprovalRequested)]
        return asked.stream_id

    def _said(self) -> list[str]:
        """Words of what was concluded and proposed: why a story went another way."""
        events = [each.event for each in self.events()]
        concluded = [f"{each.root_cause}: {each.summary}" for each in events if isinstance(each, incidents.Diagnosed)]
        return concluded + [
            f"{each.action}: {each.reason}" for each in events if isinstance(each, remediations.Proposed)
        ]

    def told(self) -> list[str]:
        """The kinds of its events, in order."""
        return [each.event.type_name for each in self.events()]

    def must_have_happened_once(self, action: str = "UpdateResourceLimits") -> None:
        """One incident, one workflow, one repair of a kind, each order once, each answered once, and a good end."""
        events = self.events()
        assert len(self.opened()) == 1, self.told()
        count = Counter(self.told())
        once = ["Incident.Opened", "Strategy.Selected", "Workflow.Started", "Workflow.Completed", "Incident.Resolved"]
        once += [f"Remediation.{each}" for each in ("Proposed", "Approved", "Executed", "Verified")]
        assert {name: count[name] for name in once} == dict.fromkeys(once, 1), self.told()
        never = ("Failed", "RolledBack", "VerificationFailed", "Lost", "Reopened", "Cancelled", "TimedOut", "Refused")
        assert [name for name in count if name.partition(".")[2] in never] == [], self.told()
        proposed = [each.event for each in events if isinstance(each.event, remediations.Proposed)]
        assert [each.action for each in proposed] == [action]
        self._orders_were_given_and_answered_once(events)

    def _orders_were_given_and_answered_once(self, events: list[Recorded]) -> None:
        orders = {each.stream_id: each.event for each in events if isinstance(each.event, commands.Issued)}
        steps = [(order.remediation_id, order.step_id) for order in orders.values()]
        assert len(steps) == len(set(steps)), steps
        assert [step for remediation, step in steps if remediation] == ["plan", "execute", "verify"]
        answered = Counter(each.stream_id for each in events if isinstance(each.event, commands.ANSWERS))
        assert answered == dict.fromkeys(orders, 1)


def numbers_of(reports: Iterable[tuple[Recorded, Reported]]) -> dict[tuple[str, int], list[int]]:
    """What each agent numbered, epoch by epoch, in the order in which it came into the log."""
    numbers: dict[tuple[str, int], list[int]] = {}
    for _, report in reports:
        numbers.setdefault((report.agent_id, report.epoch), []).append(report.sequence)
    return numbers


def are_complete(numbers: list[int]) -> bool:
    """Whether all numbers from 1 on are there, each once."""
    return len(set(numbers)) == len(numbers) == max(numbers, default=0)
