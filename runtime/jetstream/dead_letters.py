"""Dead letters: messages that nobody can handle, kept with the reason for people to look at, and out of the way of the others."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Final

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from aetherius.domain.wire import headers
from aetherius.domain.wire.subjects import DEAD_LETTERS

logger = logging.getLogger(__name__)

KEPT_PREFIX: Final = "Aetherius-Original-"
"""Before the name of a header that the broker would obey: a sender must not steer what we publish."""
WHOLE: Final = "whole"
"""In place of a line's number: the message as a whole was refused."""
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Names of headers that may be sent. Others can come, from a sender who speaks the protocol himself."""
_MAX_PAYLOAD: Final = 1024 * 1024 - 16 * 1024
"""Bytes: what a message may have, less the room for our headers."""
_MAX_REASON: Final = 500
_MAX_HEADERS: Final = 8 * 1024


class DeadLetters:
    """Where refused messages go."""

    def __init__(self, js: JetStreamContext, noted: Callable[[], None] = lambda: None) -> None:
        """`noted`: called for each one that is kept, to count them."""
        self._js = js
        self._noted = noted

    async def bury(self, message: Msg, reason: str, line: tuple[int, bytes] | None = None) -> None:
        """Keep a message, or one line of a batch (its number and bytes), as it came, with the reason. Safe to repeat: a repeat is dropped.

        Raises:
            nats.errors.Error: not confirmed. Safe to repeat.
        """
        payload = message.data if line is None else line[1]
        await self._js.publish(
            f"{DEAD_LETTERS}.{message.subject}",
            payload[:_MAX_PAYLOAD],
            headers={
                **_kept(message.headers or {}),
                **({headers.CUT: str(len(payload))} if len(payload) > _MAX_PAYLOAD else {}),
                headers.REASON: _one_line(reason),
                headers.MESSAGE_ID: _place(message, line[0] if line else WHOLE),
            },
        )
        self._noted()
        sequence = message.metadata.sequence.stream
        logger.warning("refused a message", extra={"subject": message.subject, "sequence": sequence, "reason": reason})


def _place(message: Msg, line: int | str) -> str:
    """Where it stood. With the time: a stream that was lost and made anew counts from 1 again."""
    about = message.metadata
    return f"{about.stream}.{about.sequence.stream}.{line}.{int(about.timestamp.timestamp() * 1000)}"


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
