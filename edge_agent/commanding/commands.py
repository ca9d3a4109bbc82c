"""Takes commands from the agent's own queue, trusts only signed ones, runs each once, and answers.

In this order, and nothing is done before all of it holds: the signature (over subject and exact bytes, by the platform's key), the form, the cluster, what
is known of the id, the time, the nonce. A message whose signature does not hold is dropped without an answer: an answer would let whoever forged it
speak about a command that the platform did issue. All other refusals are answered.

The journal makes it once: a command is noted before it runs and its result is kept, so a repeat gets the same result. One that was begun when the agent
died runs again if it only looks, or if it is not expired: every typed repair looks first whether all is as wanted already.

The queue is made by the platform; one that is not there, or not there any more, is waited for. What cannot be handled is answered too (`unhandled.py`).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from typing import Final

import anyio.to_thread
import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.command import CommandMessage, CommandType, ResultMessage, ResultStatus
from aetherius.edge_agent.commanding.journal import CommandJournal, CommandState, Entry
from aetherius.edge_agent.commanding.runner import CommandRunner, Ending, stopwatch
from aetherius.edge_agent.commanding.unhandled import Unhandled, decode_command
from aetherius.edge_agent.repair.cluster import Stopwatch
from aetherius.runtime.clock import Clock, utc_now
from aetherius.runtime.envelope import agent_source, envelope
from aetherius.runtime.in_words import in_words
from aetherius.runtime.jetstream.consumer import Durable
from aetherius.runtime.jetstream.queue import Queue
from aetherius.runtime.jetstream.streams import COMMANDS, command_consumer
from aetherius.runtime.signing_key import PublicKey
from aetherius.runtime.telemetry import new_traceparent

logger = logging.getLogger(__name__)

CANCEL: Final = "cancel"
MAX_HELD: Final = 64
"""Messages taken and not finished; the rest stays in the queue."""
_ACK_WAIT: Final = 30.0
"""Seconds until the queue gives a command again of which there was no sign of life: by the platform's settings, or longer."""
RETRY_DELAY: Final = 2.0
"""Seconds until a command comes again on which the agent made a mistake; twice as long after each further one."""
CONFIRM_WITHIN: Final = 5.0
_PAUSE: Final = 1.0
"""Seconds between tries of a result that was not confirmed."""


class _Running(msgspec.Struct):
    """A command at work."""

    command: CommandMessage
    watch: Stopwatch
    ended: asyncio.Event
    """Set when it is answered, or was given up: what another delivery of it waits for."""
    work: asyncio.Task[Ending] | None = None

    def call_back(self) -> None:
        self.watch.cancel()
        if self.work is not None and self.command.tool == "kubectl":  # a typed repair ends by itself, between two steps
            self.work.cancel()


class CommandQueue:
    """One cluster's commands."""

    def __init__(
        self,
        client: Client,
        cluster_id: str,
        agent_id: str,
        epoch: int,
        key: PublicKey,
        journal: CommandJournal,
        runner: CommandRunner,
        concurrency: int,
        drain: float = 5.0,
        clock: Clock = utc_now,
    ) -> None:
        """`drain`: seconds that a stop may take to finish the commands that were taken; what is left is given again."""
        self._js: JetStreamContext = client.jetstream(timeout=CONFIRM_WITHIN)
        self._cluster_id = cluster_id
        self._agent_id = agent_id
        self._epoch = epoch
        self._key = key
        self._journal = journal
        self._runner = runner
        self._slots = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self.queue = Queue(
            client,
            Durable(
                stream=COMMANDS,
                name=command_consumer(cluster_id),
                subject=subjects.command(cluster_id),
                ack_wait=_ACK_WAIT,
            ),
            self._handle,
            Unhandled(self._is_signed, self._answer_unhandled),
            at_once=MAX_HELD,
            drain=drain,
            retry_delay=RETRY_DELAY,
            may_make=False,
        )

    async def _handle(self, message: Msg) -> None:
        """Carry out what a message orders, and answer. Raises ``InvalidMessageError`` for one that this version cannot read."""
        if not self._is_signed(message):
            logger.warning("dropped a command without a valid signature", extra={"subject": message.subject})
            return
        command = decode_command(message.data)
        if command.cluster_id != self._cluster_id:
            await self._publish(self._rejection(command, f"authority: it is for cluster {command.cluster_id}"))
        elif command.action == CANCEL:
            await self._cancel(command)
        else:
            await self._attend(command)

    def _is_signed(self, message: Msg) -> bool:
        given = message.headers or {}
        if given.get(headers.KEY_ID) != self._key.key_id:
            return False
        try:
            signature = base64.b64decode(given.get(headers.SIGNATURE, ""), validate=True)
        except (binascii.Error, ValueError):
            return False
        return self._key.verify(signature, headers.signed_bytes(message.subject, message.data))

    async def _attend(self, command: CommandMessage) -> None:
        while (running := self._running.get(command.id)) is not None:
            await running.ended.wait()  # another delivery of it is at work: this one gets the same result
        running = _Running(command, stopwatch(command), asyncio.Event())
        self._running[command.id] = running  # before the next await: a second delivery must find it
        try:
            await self._answer(command, await self._outcome(running))
        finally:
            del self._running[command.id]
            running.ended.set()

    async def _outcome(self, running: _Running) -> ResultMessage:
        command = running.command
        known = await anyio.to_thread.run_sync(self._journal.find, command.id)
        refusal = self._known_result(command, known) or await self._why_not(command)
        return refusal or await self._execute(running)

    def _known_result(self, command: CommandMessage, known: Entry | None) -> ResultMessage | None:
        if known is None:
            return None
        if known.result is not None:
            return known.result
        if known.state is CommandState.CALLED_BACK:
            return self._result(command.id, Ending(status=ResultStatus.CANCELLED, error="cancelled before it came"))
        if command.type is CommandType.REMEDIATION and command.expires_at <= self._clock():
            why = "the agent stopped while it ran and it has expired since: look whether it was done"
            return self._result(command.id, Ending(status=ResultStatus.FAILED, error=why))
        return None

    async def _why_not(self, command: CommandMessage) -> ResultMessage | None:
        """The rejection of a command that must not run."""
        if command.expires_at <= self._clock():
            return self._rejection(command, f"authority: it expired at {command.expires_at.isoformat()}")
        if await anyio.to_thread.run_sync(self._journal.nonce_used, command.nonce, command.id):
            return self._rejection(command, "authority: its nonce was used by another command")
        return None

    async def _execute(self, running: _Running) -> ResultMessage:
        command = running.command
        async with self._slots:
            if refusal := await self._why_not(command):  # it may have waited for long
                return refusal
            await anyio.to_thread.run_sync(self._journal.begin, command.id, command.nonce)
            return self._result(command.id, await self._run(running))

    async def _run(self, running: _Running) -> Ending:
        if running.watch.cancelled:
            return Ending(status=ResultStatus.CANCELLED, error="cancelled before it began")
        running.watch = stopwatch(running.command)  # its time begins now, not when it came
        running.work = asyncio.create_task(self._runner.run(running.command, running.watch))
        try:
            return await asyncio.shield(running.work)  # a repair is told by its watch, before it is waited for
        except asyncio.CancelledError:
            if not running.work.cancelled() or not running.watch.cancelled:
                running.work.cancel()
                running.watch.cancel()
                raise  # we are being stopped: the command is given again
            return Ending(status=ResultStatus.CANCELLED, error="cancelled while it ran")

    async def _cancel(self, command: CommandMessage) -> None:
        if command.expires_at <= self._clock():
            return
        if (running := self._running.get(command.id)) is not None:
            running.call_back()
        elif await anyio.to_thread.run_sync(self._journal.find, command.id) is None:
            await anyio.to_thread.run_sync(self._journal.call_back, command.id, command.nonce)

    async def _answer(self, command: CommandMessage, result: ResultMessage) -> None:
        await anyio.to_thread.run_sync(self._journal.finish, command.id, command.nonce, result)
        await self._publish(result)

    async def _answer_unhandled(self, command_id: str, ending: Ending) -> None:
        await self._publish(self._result(command_id, ending))

    async def _publish(self, result: ResultMessage) -> None:
        message_id = f"{result.command_id}:result"
        source = agent_source(self._cluster_id, self._agent_id)
        fields = envelope(message_id, "agent.result", source, result.timestamp, new_traceparent())
        payload = msgspec.json.encode(result)
        while True:
            try:
                await self._js.publish(
                    subjects.result(self._cluster_id), payload, timeout=CONFIRM_WITHIN, headers=fields
                )
            except (NatsError, TimeoutError) as exc:
                logger.warning(
                    "a result is not confirmed", extra={"command": result.command_id, "error": in_words(exc)}
                )
                await asyncio.sleep(_PAUSE)
            else:
                return

    def _rejection(self, command: CommandMessage, rule: str) -> ResultMessage:
        return self._result(command.id, Ending(status=ResultStatus.REJECTED, rejected_by=rule, error=rule))

    def _result(self, command_id: str, ending: Ending) -> ResultMessage:
        return ResultMessage(
            command_id=command_id,
            cluster_id=self._cluster_id,
            status=ending.status,
            exit_code=ending.exit_code,
            output=ending.output,
            error=ending.error,
            execution_time=ending.execution_time,
            timestamp=self._clock(),
            truncated=ending.truncated,
            output_sha256=ending.output_sha256,
            rejected_by=ending.rejected_by,
            agent_id=self._agent_id,
            epoch=self._epoch,
        )
