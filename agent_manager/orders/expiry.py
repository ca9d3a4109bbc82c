"""Expiry: a command without an answer, long after it could still run, is lost. Whether it ran is unknown, and said so.

The open commands are kept in memory and rebuilt from the log at the start; the checkpoint lies before the oldest of them, so that the start
reads little. Should the checkpoint be lost, only that gets slower.
"""

from __future__ import annotations

import heapq
import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from aetherius.agent_manager.context import Context
from aetherius.domain.command import ANSWERS, Command, Issued, Lost
from aetherius.domain.errors import InvalidMessageError, UnreadableEventError
from aetherius.domain.event import Cause, Recorded, topics_of
from aetherius.domain.wire.command import MAX_TIMEOUT, parse_duration
from aetherius.event_store.errors import CheckpointConflictError, VersionConflictError
from aetherius.event_store.metrics import note_reader
from aetherius.runtime.steady import steadily

logger = logging.getLogger(__name__)

CHECKPOINT: Final = "command_expiry"
ACTOR: Final = "system:expiry"
REASON: Final = "the agent did not answer; whether it ran is unknown"
_TOPICS: Final = topics_of([Issued, *ANSWERS])
_ISSUED: Final = topics_of([Issued])
_PAGE: Final = 1000
_SAVE_EVERY: Final = 1000
"""Positions that a restart may read again."""


class Expiry:
    """Gives up commands. One at a time; a second one would write nothing twice."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: dict[UUID, int] = {}
        """Position of each open command, in order."""
        self._due: list[tuple[datetime, UUID]] = []
        """A heap; may still name commands that have ended."""
        self._position: int | None = None
        self._saved = 0

    async def run(self) -> None:
        """Give up what is due, for ever; within about a second of its time."""
        await steadily("expiry", self._step)

    async def _step(self) -> None:
        context = self._context
        seen = context.signal.count
        if self._position is None:
            self._position = self._saved = await context.blocking(context.log.checkpoint, CHECKPOINT)
        page = await context.blocking(context.log.read_page, self._position, _PAGE, _TOPICS)
        for recorded in page:
            self._note(recorded)
        self._position = page.next_position
        note_reader(CHECKPOINT, self._position)
        if len(page) == _PAGE:
            return  # the next page may hold an answer
        await self._give_up_due()
        await self._save(self._position)
        await context.signal.wait(seen)

    def _note(self, recorded: Recorded) -> None:
        if not recorded.is_readable and recorded.event.topic in _ISSUED:
            self._open[recorded.stream_id] = recorded.position  # its time is not known here: kept for a newer version
            return
        if not isinstance(recorded.event, Issued):
            self._open.pop(recorded.stream_id, None)
            return
        self._open[recorded.stream_id] = recorded.position
        due = given_up_at(recorded.event, self._context.settings.result_grace)
        heapq.heappush(self._due, (due, recorded.stream_id))

    async def _give_up_due(self) -> None:
        while self._due and self._due[0][0] <= self._context.now():
            _, command_id = self._due[0]
            try:
                if command_id in self._open:
                    await self._give_up(command_id)
                self._open.pop(command_id, None)
            except UnreadableEventError as exc:
                logger.error("command %s is left to a newer version: %s", command_id, exc)
            heapq.heappop(self._due)

    async def _give_up(self, command_id: UUID) -> None:
        context = self._context
        history = await context.blocking(context.log.stream, command_id)
        command = Command.replay(command_id, (each.event for each in history))
        if not command.finish(Lost(reason=REASON), context.now()):
            return
        last = history[-1]
        cause: Cause = last.cause.then(ACTOR, last.id)
        try:
            await context.blocking(context.log.save, command, cause)
        except VersionConflictError:
            # The answer, or the note of dispatch, came this moment: look at it once more.
            await self._give_up(command_id)
        else:
            logger.warning("command %s is lost", command_id)

    async def _save(self, position: int) -> None:
        done = next(iter(self._open.values()), position + 1) - 1
        if done - self._saved < _SAVE_EVERY:
            return
        try:
            await self._context.blocking(self._context.log.transact, CHECKPOINT, done)
        except CheckpointConflictError:
            logger.info("another replica has moved checkpoint %s", CHECKPOINT)
        self._saved = done


def given_up_at(issued: Issued, grace: float) -> datetime:
    """When no result can come any more: it may have begun just before it expired, and then has its whole time."""
    try:
        timeout = parse_duration(issued.timeout)
    except InvalidMessageError:
        timeout = MAX_TIMEOUT
    return issued.expires_at + timedelta(seconds=timeout + grace)
