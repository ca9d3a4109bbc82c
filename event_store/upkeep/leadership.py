"""Leadership: of all replicas one does what must be done by one alone, as long as its session holds an advisory lock of PostgreSQL.

A replica that dies loses its session at once, and with it the lock. One that is cut off, frozen or stuck is silent: it stops leading when the session gives no
answer, and a little later the server itself ends the session (`idle_session_timeout`; TCP alone would take hours). How long another one needs to take
over is therefore known: `Terms.takeover`. For a moment two may lead: so everything a leader does is also safe to be done twice (versions,
checkpoints, message ids).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import AsyncConnection
from psycopg.sql import SQL, Literal

from aetherius.event_store.connections import BOUNDED_BY_SERVER, CONNECT
from aetherius.event_store.errors import LeadershipLostError
from aetherius.runtime.steady import steadily

logger = logging.getLogger(__name__)

LOCK: Final = 0x6165_6167_656E_746D
"""The advisory lock. Changing it lets old and new replicas lead side by side."""
_ANSWER_WITHIN: Final = 3.0


class Terms(NamedTuple):
    """The times that bound leadership, in seconds."""

    interval: float
    """Between attempts to lead, and between checks of leading."""
    answer_within: float = _ANSWER_WITHIN
    """For the session to show that it lives: then the replica stops to lead, or to try."""

    @property
    def silence(self) -> float:
        """After which the server ends a session that asks nothing: by then a leader that is cut off, and not frozen, has stopped."""
        return 2 * self.interval + self.answer_within

    @property
    def takeover(self) -> float:
        """Within which another replica leads, after the leader fell silent, if it lives and its PostgreSQL answers at once."""
        return self.silence + self.interval


class Leadership:
    """Runs `lead` while this replica is the leader, and again when it becomes it again. `lead` is cancelled when leadership is lost."""

    def __init__(self, dsn: str, lead: Callable[[], Awaitable[None]], interval: float) -> None:
        """`interval`: seconds between attempts, and between checks."""
        self._dsn = dsn
        self._lead = lead
        self.terms = Terms(interval)

    async def run(self) -> None:
        """Try to lead, for ever."""
        await steadily("leadership", self._term)

    async def _term(self) -> None:
        try:
            session = await AsyncConnection.connect(self._dsn, autocommit=True, **CONNECT)
        except psycopg.OperationalError as exc:
            raise LeadershipLostError(str(exc)) from exc
        try:
            silence = Literal(int(self.terms.silence * 1000))
            await self._ask(session, SQL("SET idle_session_timeout = {}").format(silence))
            await self._ask(session, SQL(BOUNDED_BY_SERVER))
            while not await self._acquired(session):  # noqa: ASYNC110  # another process holds it
                await asyncio.sleep(self.terms.interval)
            logger.info("leading")
            await self._govern(session)
        finally:
            session.pgconn.finish()  # `close` would do for one that answers; nothing is to be waited for here
            await session.close()

    async def _govern(self, session: AsyncConnection) -> None:
        leading = asyncio.ensure_future(self._lead())
        try:
            while not leading.done():
                await asyncio.wait({leading}, timeout=self.terms.interval)
                await self._ask(session, SQL("SELECT 1"))
            leading.result()
        finally:
            leading.cancel()
            await asyncio.wait({leading})

    async def _acquired(self, session: AsyncConnection) -> bool:
        rows = await self._ask(session, SQL("SELECT pg_try_advisory_lock({})").format(Literal(LOCK)))
        return bool(rows[0][0])

    async def _ask(self, session: AsyncConnection, question: Any) -> list[tuple[Any, ...]]:
        """The answer, in time. Without one the session is given up, whatever it would still say.

        Raises:
            LeadershipLostError: there is none.
        """
        asking = asyncio.ensure_future(_rows(session, question))
        try:
            done, _ = await asyncio.wait({asking}, timeout=self.terms.answer_within)
            if not done:
                raise LeadershipLostError(f"PostgreSQL does not answer within {self.terms.answer_within:g} s")
            return asking.result()
        except psycopg.Error as exc:
            raise LeadershipLostError(str(exc)) from exc
        finally:
            if not asking.done():
                session.pgconn.finish()  # first: else the cancelled question asks the server to cancel it, and waits
                asking.cancel()
                await asyncio.wait({asking})


async def _rows(session: AsyncConnection, question: Any) -> list[tuple[Any, ...]]:
    cursor = await session.execute(question)
    return await cursor.fetchall() if cursor.description else []
