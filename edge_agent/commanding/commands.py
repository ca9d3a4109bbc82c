"""Takes commands from the agent's own queue, trusts only signed ones, runs each once, and answers.

In this order, and nothing is done before all of it holds: the signature (over subject and exact bytes, by the platform's key), the form, the cluster, what
is known of the id, the time, the nonce. A message whose signature does not hold is dropped without an answer: an answer would let whoever forged it
speak about a command that the platform did issue. All other refusals are answered.

The journal makes it once: a command is noted before it runs and its result is kept, so a repeat gets the same result. One that was begun when the agent
died runs again if it only looks, or if it is not expired: every typed repair looks first whether all is as wanted already.
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

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.command import CommandMessage, CommandType, ResultMessage, ResultStatus
from aetherius.edge_agent.commanding.journal import CommandJournal, CommandState, Entry
from aetherius.edge_agent.commanding.runner import CommandRunner, Ending, stopwatch
from aetherius.edge_agent.envelope import envelope
from aetherius.edge_agent.repair.cluster import Stopwatch
from aetherius.edge_agent.watching.collector import Clock
from aetherius.runtime.clock import utc_now
from aetherius.runtime.jetstream.streams import COMMANDS, command_consumer
from aetherius.runtime.signing_key import PublicKey

logger = logging.getLogger(__name__)

CANCEL: Final = "cancel"
MAX_HELD: Final = 64
"""Messages taken and not finished; the rest stays in the queue."""
FETCH_WAIT: Final = 1.0
"""Seconds that an empty queue is listened to before it is asked again: what a stop may have to wait for."""
PROGRESS: Final = 15.0
"""Seconds between signs of life for a command that runs or waits; the queue gives it again after 60 without one."""
CONFIRM_WITHIN: Final = 5.0
_PAUSE: Final = 1.0
"""Seconds between tries while NATS or the queue is away."""


class _Running(msgspec.Struct):
    """A command at work, and every delivery of it that waits for the end."""

    command: CommandMessage
    watch: Stopwatch
    messages: list[Msg]
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
        clock: Clock = utc_now,
    ) -> None:
        self._client = client
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
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take and handle, for ever."""
        subscription = await self._js.pull_subscribe_bind(command_consumer(self._cluster_id), COMMANDS)
        while True:
            room = MAX_HELD - len(self._tasks)
            if not room or not self._client.is_connected:
                await asyncio.sleep(_PAUSE)
                continue
            for message in await self._fetch(subscription, room):
                task = asyncio.create_task(self._attend(message), name=f"command {message.subject}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Return once everything taken is answered, after `run` was cancelled. Bound it by a deadline: what is left is given again."""
        try:
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            for running in self._running.values():
                running.watch.cancel()

    async def _fetch(self, subscription: JetStreamContext.PullSubscription, limit: int) -> list[Msg]:
        try:
            return await subscription.fetch(limit, timeout=FETCH_WAIT)
        except TimeoutError:
            return []
        except NatsError as exc:  # the consumer is made by the platform, perhaps only in a moment
            logger.warning("cannot take commands", extra={"error": repr(exc)})
            await asyncio.sleep(_PAUSE)
            return []

    async def _attend(self, message: Msg) -> None:
        try:
            await self._handle(message)
        except (NatsError, TimeoutError) as exc:
            logger.warning("a command stays unanswered for now", extra={"error": repr(exc)})
        except Exception:  # a task's edge: one command must not end the others; it is given again
            logger.exception("cannot handle a command")

    async def _handle(self, message: Msg) -> None:
        if not self._is_signed(message):
            logger.warning("dropped a command without a valid signature", extra={"subject": message.subject})
            return await message.term()
        command = _decode(message)
        if command is None:
            return await message.term()
        if command.cluster_id != self._cluster_id:
            return await self._reject(command, message, f"authority: it is for cluster {command.cluster_id}")
        if command.action == CANCEL:
            return await self._cancel(command, message)
        if (running := self._running.get(command.id)) is not None:
            running.messages.append(message)
            return None
        await self._begin(command, message)
        return None

    def _is_signed(self, message: Msg) -> bool:
        given = message.headers or {}
        if given.get(headers.KEY_ID) != self._key.key_id:
            return False
        try:
            signature = base64.b64decode(given.get(headers.SIGNATURE, ""), validate=True)
        except (binascii.Error, ValueError):
            return False
        return self._key.verify(signature, headers.signed_bytes(message.subject, message.data))

    async def _begin(self, command: CommandMessage, message: Msg) -> None:
        running = _Running(command, stopwatch(command), [message])
        self._running[command.id] = running  # before the first await: a second delivery must find it
        try:
            known = await anyio.to_thread.run_sync(self._journal.find, command.id)
            result = self._known_result(command, known) or await self._why_not(command)
            if result is None:
                result = await self._execute(running)
            await self._answer(command, result, running)
        finally:
            del self._running[command.id]

    def _known_result(self, command: CommandMessage, known: Entry | None) -> ResultMessage | None:
        if known is None:
            return None
        if known.result is not None:
            return known.result
        if known.state is CommandState.CALLED_BACK:
            return self._result(command, Ending(status=ResultStatus.CANCELLED, error="cancelled before it came"))
        if command.type is CommandType.REMEDIATION and command.expires_at <= self._clock():
            why = "the agent stopped while it ran and it has expired since: look whether it was done"
            return self._result(command, Ending(status=ResultStatus.FAILED, error=why))
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
        progress = asyncio.create_task(self._show_progress(running), name="progress")
        try:
            async with self._slots:
                if refusal := await self._why_not(command):  # it may have waited for long
                    return refusal
                await anyio.to_thread.run_sync(self._journal.begin, command.id, command.nonce)
                return self._result(command, await self._run(running))
        finally:
            progress.cancel()

    async def _run(self, running: _Running) -> Ending:
        if running.watch.cancelled:
            return Ending(status=ResultStatus.CANCELLED, error="cancelled before it began")
        running.watch = stopwatch(running.command)  # its time begins now, not when it came
        running.work = asyncio.create_task(self._runner.run(running.command, running.watch))
        try:
            return await running.work
        except asyncio.CancelledError:
            if not running.work.cancelled() or not running.watch.cancelled:
                running.work.cancel()
                raise  # we are being stopped: the command is given again
            return Ending(status=ResultStatus.CANCELLED, error="cancelled while it ran")

    async def _show_progress(self, running: _Running) -> None:
        while True:
            await asyncio.sleep(PROGRESS)
            for message in running.messages:
                try:
                    await message.in_progress()
                except NatsError as exc:
                    logger.warning("no sign of life for a command", extra={"error": repr(exc)})

    async def _cancel(self, command: CommandMessage, message: Msg) -> None:
        if command.expires_at > self._clock():
            if (running := self._running.get(command.id)) is not None:
                running.call_back()
            elif await anyio.to_thread.run_sync(self._journal.find, command.id) is None:
                await anyio.to_thread.run_sync(self._journal.call_back, command.id, command.nonce)
        await message.ack()

    async def _reject(self, command: CommandMessage, message: Msg, rule: str) -> None:
        await self._publish(self._rejection(command, rule))
        await message.ack()

    async def _answer(self, command: CommandMessage, result: ResultMessage, running: _Running) -> None:
        await anyio.to_thread.run_sync(self._journal.finish, command.id, command.nonce, result)
        await self._publish(result)
        for message in running.messages:
            await message.ack()

    async def _publish(self, result: ResultMessage) -> None:
        message_id = f"{result.command_id}:result"
        fields = envelope(message_id, "agent.result", self._cluster_id, self._agent_id, result.timestamp)
        payload = msgspec.json.encode(result)
        while True:
            try:
                await self._js.publish(
                    subjects.result(self._cluster_id), payload, timeout=CONFIRM_WITHIN, headers=fields
                )
            except (NatsError, TimeoutError) as exc:
                logger.warning("a result is not confirmed", extra={"command": result.command_id, "error": repr(exc)})
                await asyncio.sleep(_PAUSE)
            else:
                return

    def _rejection(self, command: CommandMessage, rule: str) -> ResultMessage:
        return self._result(command, Ending(status=ResultStatus.REJECTED, rejected_by=rule, error=rule))

    def _result(self, command: CommandMessage, ending: Ending) -> ResultMessage:
        return ResultMessage(
            command_id=command.id,
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


def _decode(message: Msg) -> CommandMessage | None:
    """The command of a signed message; None for one that this version cannot read (the platform gives it up when it expires)."""
    try:
        return msgspec.json.decode(message.data, type=CommandMessage)
    except (msgspec.DecodeError, InvalidMessageError) as exc:
        logger.warning("a signed command that cannot be read", extra={"error": str(exc)})
        return None
