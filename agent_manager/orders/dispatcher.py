"""The dispatcher: commands from the log to the agents' queues, in order, each once.

It sends first and notes `Dispatched` after, so a crash between the two sends again: the broker drops the repeat by its id, and past the broker's memory the agent
does by its table of what is done. An answer may be here before the note; then the note is left out.
"""

from __future__ import annotations

import logging
import math
from typing import Final

from nats.js.errors import APIError

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.errors import QueueFullError
from aetherius.agent_manager.orders.order import Order, cancellation, order_of
from aetherius.domain.command import Cancelled, Command, CommandStatus, Dispatched, Issued, Refused
from aetherius.domain.errors import InvalidMessageError, UnreadableEventError
from aetherius.domain.event import Event, Recorded, Unreadable, topics_of
from aetherius.domain.wire.subjects import cluster_of
from aetherius.event_store.errors import VersionConflictError
from aetherius.event_store.pending import Page, Pending
from aetherius.readers.follower import Follower
from aetherius.runtime.jetstream.streams import COMMANDS
from aetherius.runtime.steady import steadily

logger = logging.getLogger(__name__)

CHECKPOINT: Final = "command_dispatch"
ACTOR: Final = "system:dispatcher"
_FULL_QUEUE: Final = 10077
"""The server's code for: the stream holds no more messages of this subject."""


class Dispatcher:
    """Sends what the log orders."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._follower = Follower(context, CHECKPOINT, topics_of([Issued, Cancelled]), limit=100)

    async def run(self) -> None:
        """Dispatch, for ever."""
        await steadily("dispatcher", self._step)

    async def _step(self) -> None:
        page = await self._follower.page()
        if page is None:
            return
        notes: list[tuple[Recorded, Event]] = []
        for recorded in page:
            if note := await self._carried_out(recorded):
                notes.append((recorded, note))
        await self._note(page, notes)

    async def _carried_out(self, recorded: Recorded) -> Event | None:
        """Send what an event asks for; what to note of its command then."""
        try:
            order = await self._order(recorded)
            if order is None:
                return None
            await self._send(order)
        except UnreadableEventError as exc:
            logger.error("command %s is passed over: %s", recorded.stream_id, exc)
            return None
        except (InvalidMessageError, QueueFullError) as exc:
            logger.warning("an order cannot be sent: %s", exc)
            note: Event = Refused(rejected_by=f"dispatcher: {type(exc).__name__}", error=str(exc))
        else:
            note = Dispatched()
        return note if isinstance(recorded.event, Issued) else None

    async def _order(self, recorded: Recorded) -> Order | None:
        """What an event asks to be sent; None if nothing: it has ended, or is too late, or the agent itself called it back."""
        context = self._context
        history = await context.blocking(context.log.stream, recorded.stream_id)
        if isinstance(recorded.event, Cancelled):
            # Also when it was not noted as dispatched: it may have been sent by a process that died before the note.
            if recorded.cause.actor.startswith("agent:"):
                return None
            if isinstance(history[0].event, Unreadable):
                raise history[0].event.error
            return cancellation(history[0], recorded, context.signing_key, context.settings.cancel_within)
        command = Command.replay(recorded.stream_id, (each.event for each in history))
        order = order_of(recorded, context.signing_key)
        if command.status is not CommandStatus.ISSUED or order.expires_at <= context.now():
            return None
        return order

    async def _send(self, order: Order) -> None:
        """Have the broker keep an order until it expires. One after the other, so that the orders of a cluster keep theirs.

        Raises:
            QueueFullError: the agent's queue takes no more.
            nats.errors.Error: not confirmed. Safe to repeat.
        """
        left = (order.expires_at - self._context.now()).total_seconds()
        try:
            await self._context.js.publish(
                order.subject,
                order.payload,
                stream=COMMANDS,
                headers=dict(order.headers),
                msg_ttl=max(1, math.ceil(left)),
            )
        except APIError as exc:
            if exc.err_code == _FULL_QUEUE:
                raise QueueFullError(cluster_of(order.subject)) from exc
            raise

    async def _note(self, page: Page, notes: list[tuple[Recorded, Event]]) -> None:
        """Store the notes and move the checkpoint; a command whose answer is here already needs none."""
        while True:
            pending = [each for recorded, note in notes if (each := await self._pending(recorded, note))]
            try:
                await self._follower.done(page, pending)
            except VersionConflictError:
                continue  # the other writer's event is there now: look again
            return

    async def _pending(self, recorded: Recorded, note: Event) -> Pending | None:
        context = self._context
        command = await context.blocking(context.log.load, Command, recorded.stream_id)
        if command.status is not CommandStatus.ISSUED:
            return None
        cause = recorded.cause.then(ACTOR, recorded.id)
        return Pending(command.id, command.version + 1, note, context.now(), cause)
