"""What the agent knows of each command: begun, or done with which result. On disk, so that no command runs twice, whatever is delivered twice."""

from __future__ import annotations

import enum
import time
from typing import Final

import msgspec

from aetherius.domain.wire.command import ResultMessage
from aetherius.edge_agent.database import Database

KEPT: Final = 7 * 86400.0
"""Seconds that a result is kept: far longer than a command may wait in its queue (an hour)."""


class CommandState(enum.StrEnum):
    """How far a command got."""

    BEGUN = "begun"
    DONE = "done"
    CALLED_BACK = "called_back"
    """Cancelled before it came."""


class Entry(msgspec.Struct, frozen=True):
    """What is known of one command."""

    state: CommandState
    result: ResultMessage | None = None


class CommandJournal:
    """Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as rows:
            rows.execute("DELETE FROM commands WHERE at < ?", (time.time() - KEPT,))

    def find(self, command_id: str) -> Entry | None:
        """What is known of a command; None for a new one."""
        with self._database.transaction() as rows:
            row = rows.execute("SELECT state, result FROM commands WHERE id = ?", (command_id,)).fetchone()
        if row is None:
            return None
        result = msgspec.json.decode(row[1], type=ResultMessage) if row[1] else None
        return Entry(CommandState(row[0]), result)

    def nonce_used(self, nonce: str, command_id: str) -> bool:
        """Whether another command brought this nonce."""
        with self._database.transaction() as rows:
            return (
                rows.execute("SELECT 1 FROM commands WHERE nonce = ? AND id != ?", (nonce, command_id)).fetchone()
                is not None
            )

    def begin(self, command_id: str, nonce: str) -> None:
        """It is about to run."""
        self._put(command_id, nonce, CommandState.BEGUN, None)

    def call_back(self, command_id: str, nonce: str) -> None:
        """It was cancelled, and had not come yet."""
        self._put(command_id, nonce, CommandState.CALLED_BACK, None)

    def finish(self, command_id: str, nonce: str, result: ResultMessage) -> None:
        """It has ended; this result is given to every repeat."""
        self._put(command_id, nonce, CommandState.DONE, msgspec.json.encode(result))

    def _put(self, command_id: str, nonce: str, state: CommandState, result: bytes | None) -> None:
        with self._database.transaction() as rows:
            rows.execute(
                "INSERT INTO commands VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET state = excluded.state, at = excluded.at, result = excluded.result",
                (command_id, nonce, state.value, time.time(), result),
            )
