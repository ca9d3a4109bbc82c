"""One dead letter, as the stream keeps it: what was refused, why, where it stood, and how it would be sent again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from aetherius.domain.wire import headers
from aetherius.domain.wire.subjects import DEAD_LETTERS, concerned
from aetherius.runtime.jetstream.dead_letters import KEPT_PREFIX

_OURS: Final = frozenset({headers.REASON, headers.MESSAGE_ID, headers.CUT})


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What is known without its bytes."""

    sequence: int
    """Its number in the stream, which names it."""
    subject: str
    """Where the message came from."""
    reason: str
    at: datetime
    """When it was refused."""
    size: int
    """Bytes."""
    source: str
    """The stream and number of the message (`EVENTS 17`)."""
    line: int | None
    """Of a batch, from 1; None: the whole message."""
    cut_from: int | None
    """Bytes it had before it was cut to fit; None: it is whole."""
    headers: dict[str, str]
    """As they were kept."""

    @property
    def cluster(self) -> str:
        """The cluster that it is about; empty if its subject does not tell."""
        return concerned(self.subject)

    @property
    def place(self) -> str:
        """Which line of which message."""
        return f"{self.source} {'whole' if self.line is None else f'line {self.line}'}"

    def headers_to_send(self) -> dict[str, str]:
        """The sender's headers, without those that the broker would obey (its message id among them), and without the count of a batch that it was a
        line of."""
        sent = {
            name: value
            for name, value in self.headers.items()
            if name not in _OURS and not name.startswith((KEPT_PREFIX, "Nats-"))
        }
        if self.line is not None:
            sent.pop(headers.BATCH, None)
        return {**sent, headers.MESSAGE_ID: f"replay.{self.sequence}.{self.at.timestamp():.6f}"}


def dead_letter(subject: str, given: Mapping[str, str], sequence: int, at: datetime, size: int) -> DeadLetter:
    """Read a message of the stream."""
    source, number, line = [*given.get(headers.MESSAGE_ID, "").split("."), "", "", ""][:3]
    cut = given.get(headers.CUT, "")
    return DeadLetter(
        sequence=sequence,
        subject=subject.removeprefix(f"{DEAD_LETTERS}."),
        reason=given.get(headers.REASON, ""),
        at=at,
        size=size,
        source=f"{source} {number}".strip(),
        line=int(line) if line.isdecimal() else None,
        cut_from=int(cut) if cut.isdecimal() else None,
        headers=dict(given),
    )
