"""The course of a reader: which state it is in, and which may follow.

::

                 +---------------- goes on: resumed, or a replica came past ---------------+
                 v                                                                         |
             starting ------+                                                              |
                            |   an event that it cannot take                               |
        running <--> waiting +--------------------------------------------> parked --------+
           ^            ^   |                                                              |
           |            |   |   told to stand still                                        |
           v            v   +--------------------------------------------> paused --------+
      backing_off <--> ahead|
                            +  (from each of the five)

The five on the left are at work: a step that is done leaves `running`, one that found nothing `waiting`, one that the world refused `backing_off`, and one that
found the checkpoint past the log's end `ahead`; any of them may follow any other. The two on the right stand still, and are only left for `starting`. A pause that is
ordered while a reader is parked is obeyed once it goes on.
"""

from __future__ import annotations

import logging
from typing import Final

from aetherius.domain.event import Recorded
from aetherius.event_store.errors import PositionAheadError
from aetherius.event_store.metrics import note_reader
from aetherius.readers.control import Order
from aetherius.readers.state import ReaderState, ReaderStatus

logger = logging.getLogger(__name__)

_STILL: Final = frozenset({ReaderStatus.PARKED, ReaderStatus.PAUSED})
_AT_WORK: Final = frozenset(ReaderStatus) - _STILL
_BACKOFF: Final = (0.05, 10.0)


def may_follow(before: ReaderStatus, after: ReaderStatus) -> bool:
    """Whether a state may follow another one."""
    if before in _STILL:
        return after is ReaderStatus.STARTING
    return after in _STILL or (after in _AT_WORK and after is not ReaderStatus.STARTING)


class Course:
    """Of one reader. `state` is what it tells of itself."""

    def __init__(self, name: str) -> None:
        self.state = ReaderState(name=name)
        self._failures = 0
        """Steps in a row that the world refused."""
        self._resumes = 0
        """Orders to go on that were obeyed, or came before it was parked."""

    @property
    def status(self) -> ReaderStatus:
        """Where in the drawing it is."""
        return self.state.status

    @property
    def pause(self) -> float:
        """Seconds until the world is asked again; 0 if it did not refuse."""
        first, longest = _BACKOFF
        return min(first * 2 ** min(self._failures, 10), longest) if self._failures else 0.0

    @property
    def is_parked(self) -> bool:
        """Whether it stands before an event that it cannot take."""
        return self.status is ReaderStatus.PARKED

    @property
    def is_still(self) -> bool:
        """Whether it is parked or paused."""
        return self.status in _STILL

    def stands_still(self, order: Order) -> bool:
        """Obey an order; whether it is to stand still, or is parked. Becomes `starting` if it is to go on."""
        if self.is_parked and (order.paused or order.resumes == self._resumes):
            return True
        if order.paused and self.status is not ReaderStatus.PAUSED:
            self._become(ReaderStatus.PAUSED, self.state.position)
        elif not order.paused and self.is_still:
            self.go_on()
        self._resumes = order.resumes
        return order.paused

    def go_on(self) -> None:
        """Leave the place where it stood still."""
        logger.info("%s goes on after %d", self.state.name, self.state.position)
        self._become(ReaderStatus.STARTING, self.state.position)

    def moved(self, position: int) -> None:
        """A step was done."""
        self._become(ReaderStatus.RUNNING, position)

    def found_nothing(self, position: int) -> None:
        """A step found nothing to do."""
        self._become(ReaderStatus.WAITING, position)

    def refused(self, position: int, reason: str) -> None:
        """The world refused a step."""
        if self.status is not ReaderStatus.BACKING_OFF:
            logger.warning("%s: %s; trying again", self.state.name, reason)
        self._become(ReaderStatus.BACKING_OFF, position, reason)

    def is_ahead(self, exc: PositionAheadError) -> None:
        """The checkpoint lies past the log's end."""
        if self.status is not ReaderStatus.AHEAD:
            logger.error("%s is AHEAD of the log: %s. It waits for: aetherius log restored", self.state.name, exc)
        self._become(ReaderStatus.AHEAD, exc.position, str(exc))

    def park(self, position: int, poison: Recorded | None, exc: Exception, order: Order) -> None:
        """It cannot take the event after `position`; `poison`: that one, if it is known. Orders so far do not make it go on."""
        where = f"position {poison.position} ({poison.event.topic})" if poison else f"the event after {position}"
        error = f"{type(exc).__name__}: {exc}"
        logger.error(
            "%s is PARKED at %s: %s. It reads no further until it is resumed or restarted",
            self.state.name,
            where,
            error,
            exc_info=exc,
        )
        self._resumes = order.resumes
        self._become(ReaderStatus.PARKED, position, f"{where}: {error}", poison)

    def _become(self, status: ReaderStatus, position: int, error: str = "", poison: Recorded | None = None) -> None:
        assert may_follow(self.status, status), f"{self.state.name}: {self.status} -> {status}"
        refused = status in (ReaderStatus.BACKING_OFF, ReaderStatus.AHEAD)
        self._failures = self._failures + 1 if refused else 0
        self.state = ReaderState(
            name=self.state.name,
            status=status,
            position=position,
            error=error,
            poison_position=poison.position if poison else None,
            poison_topic=poison.event.topic if poison else "",
        )
        note_reader(
            self.state.name,
            position,
            parked=status is ReaderStatus.PARKED,
            ahead=status is ReaderStatus.AHEAD,
        )
