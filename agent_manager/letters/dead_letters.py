"""Dead letters: messages that break a rule, kept with the reason for people to look at, and out of the way of the others."""

from __future__ import annotations

import logging
import re
from typing import Final

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from aetherius.agent_manager.letters.dead_letter import KEPT_PREFIX, WHOLE
from aetherius.agent_manager.metrics import PUT_ASIDE
from aetherius.domain.wire import headers
from aetherius.domain.wire.subjects import DEAD_LETTERS

logger = logging.getLogger(__name__)

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Names of headers that may be sent. Others can come, from a sender who speaks the protocol himself."""
_MAX_PAYLOAD: Final = 1024 * 1024 - 16 * 1024
"""Bytes: what a message may have, less the room for our headers."""
_MAX_REASON: Final = 500
_MAX_HEADERS: Final = 8 * 1024


class DeadLetters:
    """Where refused messages go."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js

    async def bury(self, message: Msg, reason: str, line: tuple[int, bytes] | None = None) -> None:
        """Keep a message, or one line of a batch (its number and bytes), as it came, with the reason. Safe to repeat: a repeat is dropped.

        Raises:
            nats.errors.Error: not confirmed. Safe to repeat.
        """
        payload = message.data if line is None else line[1]
        sequence = message.metadata.sequence.stream
        await self._js.publish(
            f"{DEAD_LETTERS}.{message.subject}",
            payload[:_MAX_PAYLOAD],
            headers={
                **_kept(message.headers or {}),
                **({headers.CUT: str(len(payload))} if len(payload) > _MAX_PAYLOAD else {}),
                headers.REASON: _one_line(reason),
                headers.MESSAGE_ID: f"{message.metadata.stream}.{sequence}.{line[0] if line else WHOLE}",
            },
        )
        PUT_ASIDE.inc()
        logger.warning("refused a message", extra={"subject": message.subject, "sequence": sequence, "reason": reason})


def _kept(given: dict[str, str]) -> dict[str, str]:
    """The original headers. Those that the server obeys (`Nats-...`) get another name: the sender must not steer what we publish."""
    kept: dict[str, str] = {}
    room = _MAX_HEADERS
    for name, value in given.items():
        if name.title() == headers.CUT or not _NAME.fullmatch(name):  # ours to say; not sendable
            continue
        room -= len(name) + len(value) + len(KEPT_PREFIX)
        if room < 0:
            break
        kept[KEPT_PREFIX + name if name.lower().startswith("nats-") else name] = _one_line(value, len(value))
    return kept


def _one_line(text: str, limit: int = _MAX_REASON) -> str:
    return " ".join(text.split())[:limit]
