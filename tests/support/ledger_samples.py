"""A log in memory: batches of events with their ledger entries, as the database would hold them, and the lines that a bundle has of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aetherius.event_store import ledger
from aetherius.event_store.audit.bundle_file import BundleWriter, HeadOf, Manifest, Selection
from aetherius.event_store.audit.proof import Header, Proof, ProvedEvent, event_of
from aetherius.event_store.ledger import Entry
from aetherius.runtime.signing_key import SigningKey

Row = tuple[int, UUID, int, str, bytes]
START = ledger.micros(datetime(2026, 11, 23, 12, tzinfo=UTC))
MADE = datetime(2026, 11, 24, tzinfo=UTC)
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


class Sample:
    """A log of batches of these sizes, one a second."""

    def __init__(self, sizes: Sequence[int], state_size: int = 20) -> None:
        self.entries: list[Entry] = []
        self.rows: dict[int, Row] = {}
        self.trees: list[list[list[bytes]]] = []
        for size in sizes:
            self._append(size, state_size)

    def _append(self, size: int, state_size: int) -> None:
        first = self.entries[-1].last + 1 if self.entries else 1
        rows: list[Row] = [
            (p, UUID(int=p), 1, "Agent.CameBack.v1", f"{{{p}}}".encode().ljust(state_size, b"."))
            for p in range(first, first + size)
        ]
        self.rows.update({row[0]: row for row in rows})
        leaves = [ledger.leaf(*row) for row in rows]
        before = self.entries[-1].hash if self.entries else ledger.GENESIS
        clock = START + 1_000_000 * len(self.entries)
        self.trees.append(ledger.levels(leaves))
        self.entries.append(ledger.seal(before, first, clock, leaves, self.trees[-1][-1][0]))

    @property
    def head(self) -> HeadOf:
        last = self.entries[-1]
        return HeadOf(position=last.last, hash=last.hash.hex(), recorded_at=ledger.moment(last.recorded_at))

    def event(self, position: int) -> ProvedEvent:
        entry, tree = next((e, t) for e, t in zip(self.entries, self.trees, strict=True) if position <= e.last)
        return event_of(self.rows[position], ledger.path(tree, position - entry.first))

    def proof(self, position: int) -> Proof:
        entry = next(e for e in self.entries if position <= e.last)
        return Proof(event=self.event(position), entry=Header.of(entry))

    def lines(self, first: int, last: int) -> Iterator[Header | ProvedEvent]:
        """The lines of the events between two positions."""
        for entry in self.entries:
            if entry.last < first:
                continue
            yield Header.of(entry)
            for position in range(max(first, entry.first), min(last, entry.last) + 1):
                yield self.event(position)

    def bundle(
        self, selection: Selection, lines: Iterator[Header | ProvedEvent], key: SigningKey = KEY
    ) -> tuple[bytes, Manifest]:
        file = BytesIO()
        manifest = BundleWriter(file, selection, key, MADE).write(lines, self.head)
        return file.getvalue(), manifest
