"""The streams on JetStream: which exist, how much they keep, and why. The log is the truth; a stream is a way to it or from it.

Streams that carry something to one reader are work queues that refuse when full: what is handled is gone, what is not handled is never pushed out, and
a full stream makes the publisher keep its own (the agent spools). The others drop their oldest.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, NoReturn

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError

from aetherius.domain.wire import subjects
from aetherius.runtime.steady import steadily

logger = logging.getLogger(__name__)

EVENTS = "EVENTS"
CONTROL = "CONTROL"
METRICS = "METRICS"
COMMANDS = "COMMANDS"
INTERNAL = "INTERNAL"
WORK = "WORK"
DEAD_LETTERS = "DEAD_LETTERS"

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_MIB, _GIB = 2**20, 2**30

_DUPLICATES = 5 * _MINUTE
"""How long a message id is remembered: longer than any publisher waits before it tries again. Only spares work: the log's primary key decides."""


def _queue(name: str, subjects: list[str], max_bytes: int, max_age: float, **more: object) -> StreamConfig:
    """A stream for one reader per subject: acknowledged is gone, full refuses."""
    kind = {"retention": RetentionPolicy.WORK_QUEUE, "discard": DiscardPolicy.NEW}
    return _stream(name, subjects, max_bytes, max_age, **{**kind, **more})


def _stream(name: str, subjects: list[str], max_bytes: int, max_age: float, **more: object) -> StreamConfig:
    return StreamConfig(
        name=name,
        subjects=subjects,
        max_bytes=max_bytes,
        max_age=max_age,
        storage=StorageType.FILE,
        **{"duplicate_window": _DUPLICATES, **more},  # type: ignore[arg-type]
    )


STREAMS: tuple[StreamConfig, ...] = (
    # A week: longer than any outage of ingest that one does not notice. 4 GiB: some 4 million events unread.
    _queue(EVENTS, [subjects.AGENT_EVENTS, subjects.AGENT_TOPOLOGY], 4 * _GIB, 7 * _DAY),
    _queue(CONTROL, [subjects.AGENT_REGISTRATIONS, subjects.AGENT_RESULTS], _GIB, 7 * _DAY),
    # Old readings are of no use to alerts; the metrics server keeps them for longer.
    _stream(METRICS, [subjects.AGENT_METRICS], 512 * _MIB, _HOUR),
    # A command expires by its own time-to-live; an hour is the longest that one may have. Per agent at most 1,000 wait.
    _queue(
        COMMANDS,
        [subjects.AGENT_COMMANDS],
        256 * _MIB,
        _HOUR,
        duplicate_window=_HOUR,
        max_msgs_per_subject=1000,
        discard_new_per_subject=True,
        allow_msg_ttl=True,
    ),
    # Relayed from the log, and can be relayed again.
    _stream(INTERNAL, ["internal.>", subjects.FEEDBACK], _GIB, _DAY),
    # Steps and timers; all of them can be computed again from the workflows' states, and the server wants a stream with timers to drop the oldest
    # when full. A timer may lie far ahead.
    _queue(WORK, ["work.>"], _GIB, 30 * _DAY, discard=DiscardPolicy.OLD, allow_msg_schedules=True, allow_msg_ttl=True),
    # For people to look at.
    _stream(DEAD_LETTERS, [f"{subjects.DEAD_LETTERS}.>"], 512 * _MIB, 30 * _DAY),
)


async def ensure_streams(js: JetStreamContext, streams: tuple[StreamConfig, ...] = STREAMS) -> None:
    """Create the streams, or bring existing ones to this configuration. Safe to repeat, also from several processes at once.

    Raises:
        nats.js.errors.APIError: the server refuses (a retention cannot be changed, or the store is too small).
    """
    for stream in streams:
        try:
            await js.add_stream(stream)
        except BadRequestError as exc:
            if exc.err_code != _NAME_IN_USE:
                raise
            await js.update_stream(stream)


_NAME_IN_USE = 10058
"""The server's code for: a stream of this name exists with another configuration."""


_LOOK: Final = 3.0
"""Seconds between two looks whether all streams are there: what one that is deleted may stop."""
_PAGE: Final = 256
"""Streams that the server tells of at once."""


async def keep_streams(js: JetStreamContext) -> NoReturn:
    """Make again, for ever, what streams are deleted, or lost with the server's store. What they held is gone; whoever filled them fills them again."""

    async def look() -> None:
        await asyncio.sleep(_LOOK)
        there = await _names(js)
        if lost := [stream for stream in STREAMS if stream.name not in there]:
            logger.error("streams are lost, making them anew: %s", ", ".join(str(each.name) for each in lost))
            await ensure_streams(js, tuple(lost))

    await steadily("streams", look)


async def _names(js: JetStreamContext) -> set[str | None]:
    names: set[str | None] = set()
    while True:
        page = await js.streams_info(offset=len(names))
        names |= {stream.config.name for stream in page}
        if len(page) < _PAGE:
            return names


def command_consumer(cluster_id: str) -> str:
    """The name of an agent's durable consumer on the stream COMMANDS."""
    return f"agent-{cluster_id}"


async def ensure_command_consumer(js: JetStreamContext, cluster_id: str, ack_wait: float = 60.0) -> None:
    """Create the queue that one agent takes its commands from (the agent itself may only read it). Safe to repeat.

    `ack_wait`: seconds until a command that the agent took and did not acknowledge (or extend) is given again.
    """
    await js.add_consumer(
        COMMANDS,
        ConsumerConfig(
            durable_name=command_consumer(cluster_id),
            filter_subject=subjects.command(cluster_id),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait,
            max_ack_pending=100,
        ),
    )
