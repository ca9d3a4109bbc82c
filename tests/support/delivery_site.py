"""Logs with the deliveries that wait beside them, in memory and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Final

from aetherius.cli.tables import create_tables
from aetherius.event_store.ports import EventLog
from aetherius.event_store.subscription import LogSignal
from aetherius.readers.deliveries import Deliveries
from aetherius.readers.memory_deliveries import MemoryDeliveries
from event_log_sites import LogSite, MemorySite, PostgresSite

KINDS: Final = ("memory", "postgres")


class DeliverySite:
    """An empty log, and what waits for delivery."""

    def __init__(self, site: LogSite, deliveries: Deliveries | MemoryDeliveries) -> None:
        self.log: EventLog = site.log
        self.deliveries = deliveries
        self._site = site

    def signal(self) -> AbstractAsyncContextManager[LogSignal]:
        """Wakes who follows the log."""
        return self._site.signal()


def in_memory() -> DeliverySite:
    site = MemorySite()
    return DeliverySite(site, MemoryDeliveries(site.memory))


@contextmanager
def on_postgres(dsn: str) -> Generator[DeliverySite, None, None]:
    create_tables(dsn)
    with PostgresSite(dsn) as site, Deliveries(dsn) as deliveries:
        yield DeliverySite(site, deliveries)
