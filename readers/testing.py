"""A case for a process manager, told as a story: given these events, when this one comes, then it decides these.

It runs on a log in memory, by the commit that its runner makes (`deciding.py`), and holds it to what a reader promises: asked twice about a batch it decides the same, what
it decides says what led to it, and what it decided itself leads to nothing but more decisions. Time is told by the test::

    case = ProcessCase(lambda log, clock: Escalation(clock, MemoryTable(log, Waiting)))
    case.given(incident, an_opened_incident())
    case.when(incident, Escalated(severity=Severity.HIGH, reason="it got worse"))
    case.then(like(Paged, who="ada"))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.abc import Params, QueryNoTemplate
from psycopg.rows import TupleRow

from aetherius.domain.event import Cause, Event, event_id
from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.pending import Page, Pending
from aetherius.event_store.sealing import PLAIN, Sealing
from aetherius.readers.deciding import Deciding, ProcessManager
from aetherius.readers.unit import Unit

Clock = Callable[[], datetime]

START: Final = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CAUSE: Final = Cause(actor="user:test")
WHOLE: Final = 1_000


class Like:
    """Equal to every event of a type that has these fields; what else the event says does not matter."""

    def __init__(self, kind: type[Event], fields: dict[str, Any]) -> None:
        self._kind, self._fields = kind, fields

    def __eq__(self, other: object) -> bool:
        return type(other) is self._kind and all(getattr(other, name) == self._fields[name] for name in self._fields)

    __hash__ = None  # type: ignore[assignment]  # equal to many things

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self._fields.items())
        return f"{self._kind.type_name}({said}{', ' if said else ''}...)"


def like(kind: type[Event], /, **fields: Any) -> Like:
    """An event of a type, of which only these fields matter."""
    return Like(kind, fields)


class ProcessCase:
    """One process manager and the log that it reads."""

    def __init__(
        self,
        make: Callable[[MemoryLog, Clock], ProcessManager],
        *,
        sealing: Sealing = PLAIN,
        now: datetime = START,
    ) -> None:
        """`make`: is given the log, for tables of state rows (`readers.state_tables.memory`), and the clock of the case."""
        self.now = now
        self.log = MemoryLog(sealing=sealing, clock=self.clock)
        self.manager = make(self.log, self.clock)
        self._reader = Deciding(self.manager, _no_sql)
        self.decided: list[Pending] = []
        """What came of the last `when` or `go_on`, and of each `read` since."""

    def clock(self) -> datetime:
        """The time of the case."""
        return self.now

    def pass_time(self, seconds: float) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)

    def given(self, stream_id: UUID, *events: Event, at: datetime | None = None, cause: Cause = CAUSE) -> None:
        """These events are in the log, after what is there of their stream. The process manager will not hear of them."""
        if events:
            self._append(stream_id, events, at, cause)
            self.log.transact(self.manager.name, self.log.head())

    def when(self, stream_id: UUID, *events: Event, at: datetime | None = None, cause: Cause = CAUSE) -> list[Event]:
        """These events come, in one batch; what the process manager decides, also about what it decided itself."""
        self._append(stream_id, events, at, cause)
        return self.go_on()

    def heard(self, stream_id: UUID, *events: Event, at: datetime | None = None, cause: Cause = CAUSE) -> None:
        """These events come, and wait: `go_on` has the process manager read them."""
        self._append(stream_id, events, at, cause)

    def go_on(self, limit: int = WHOLE) -> list[Event]:
        """Read to the end, in batches of at most so many events; what was decided."""
        self.decided = []
        while self.read(limit):
            pass
        return [pending.event for pending in self.decided]

    def read(self, limit: int = WHOLE) -> bool:
        """Read one batch of at most so many events; whether there was one."""
        page = self.log.read_page(self.log.checkpoint(self.manager.name), limit, self.manager.topics)
        if page.events:
            self._commit(page)
        return bool(page.events)

    def then(self, *expected: Event | Like | type[Event]) -> None:
        """Exactly these were decided, in this order: events as they are, or types of which the fields do not matter."""
        events = [pending.event for pending in self.decided]
        wanted = [Like(each, {}) if isinstance(each, type) else each for each in expected]
        assert events == wanted, "\n".join(["decided:", *map(repr, events), "expected:", *map(repr, wanted)])

    def then_nothing(self) -> None:
        """Nothing was decided."""
        self.then()

    def _append(self, stream_id: UUID, events: Sequence[Event], at: datetime | None, cause: Cause) -> None:
        first = max((recorded.version for recorded in self.log.stream(stream_id)), default=0) + 1
        self.log.append([Pending(stream_id, first + n, event, at or self.now, cause) for n, event in enumerate(events)])

    def _commit(self, page: Page) -> None:
        rehearsal = Unit(self.log, _no_sql)
        self.manager.react(page.events, rehearsal)
        committed = self._reader.commit(self.log, page, self.log.checkpoint(self.manager.name))
        assert rehearsal.pending == committed.decided, f"{self.manager.name} decides otherwise when a batch comes again"
        known = {recorded.id for recorded in page}
        known |= {event_id(each.stream_id, each.version) for each in committed.decided}
        assert {each.cause.causation_id for each in committed.decided} <= known, (
            "a decision does not say what led to it"
        )
        self.decided += committed.decided


def _no_sql(query: QueryNoTemplate, params: Params | None = None) -> list[TupleRow]:
    raise NotImplementedError("a log in memory knows no SQL: give the process manager its tables in memory")
