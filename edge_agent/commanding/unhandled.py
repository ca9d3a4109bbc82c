"""What becomes of a command that the agent cannot handle: the platform is answered, as it would else wait until the command is lost.

An agent has no dead letters: it may not write there, and whoever looks at them could not help. The answer is `rejected` for a command that this version
cannot read, and `failed` for one on which the agent itself made a mistake, again and again; it may have begun.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import msgspec
from nats.aio.msg import Msg

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.wire.command import CommandMessage, ResultStatus
from aetherius.edge_agent.commanding.runner import Ending

logger = logging.getLogger(__name__)


class _Named(msgspec.Struct, frozen=True):
    """As much of a command as any version can read."""

    id: str


class Unhandled:
    """Answers in place of the dead letters (`Letters` of `runtime/jetstream/answering.py`)."""

    def __init__(self, is_signed: Callable[[Msg], bool], answer: Callable[[str, Ending], Awaitable[None]]) -> None:
        """
        Args:
            is_signed: whether the platform's signature on a message holds: no other one is answered.
            answer: publishes how the command of an id ended; returns once that is confirmed.
        """
        self._is_signed = is_signed
        self._answer = answer

    async def bury(self, message: Msg, reason: str) -> None:
        """Tell the platform; nobody can be told of a command without an id."""
        if not self._is_signed(message):
            return
        try:
            command_id = msgspec.json.decode(message.data, type=_Named).id
        except msgspec.DecodeError:
            logger.warning("a signed command without an id is dropped", extra={"reason": reason})
            return
        await self._answer(command_id, _ending(message, reason))


def decode_command(payload: bytes) -> CommandMessage:
    """The command in a message. Raises ``InvalidMessageError`` for one that this version cannot read."""
    try:
        return msgspec.json.decode(payload, type=CommandMessage)
    except msgspec.DecodeError as exc:
        raise InvalidMessageError("command", str(exc)) from exc


def _ending(message: Msg, reason: str) -> Ending:
    try:
        decode_command(message.data)
    except InvalidMessageError:
        rule = f"authority: this agent cannot read it: {reason}"
        return Ending(status=ResultStatus.REJECTED, rejected_by=rule, error=rule)
    return Ending(
        status=ResultStatus.FAILED, error=f"the agent could not handle it, look whether it was begun: {reason}"
    )
