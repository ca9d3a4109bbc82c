"""Secrets in the log on a real PostgreSQL: sealed as they are stored, whatever becomes of the keys."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from aetherius.domain.command import Succeeded
from aetherius.domain.errors import NoKeyError, SecretUnavailableError
from aetherius.domain.event import Cause
from aetherius.domain.keyring import Keyring, is_sealed, new_key
from aetherius.event_store.audit.ledger_audit import verify
from aetherius.event_store.audit.trail import Trail, Wanted
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.sealing import Sealing
from table_search import tables_with

MARKER = "SECRETMARKER"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD, NEW = new_key(), new_key()
ONE = Sealing(Keyring({"old": OLD}))
ROTATED = Sealing(Keyring({"new": NEW, "old": OLD}))
LOST = Sealing(Keyring({"new": NEW}))


def answered(stream_id: UUID, output: str = MARKER, actor: str = "agent:c1") -> Pending:
    return Pending(stream_id, 1, Succeeded(exit_code=0, output=output), NOON, Cause(actor=actor))


def output_in(log: Log, stream_id: UUID) -> str:
    (recorded,) = log.stream(stream_id)
    assert isinstance(recorded.event, Succeeded)
    return recorded.event.output


@pytest.mark.usefixtures("log")
def test_no_byte_of_an_output_is_in_any_table(dsn: str) -> None:
    id = uuid4()
    with Log(dsn, sealing=ONE) as log:
        log.append([answered(id)])
        log.transact("reader", 1, [answered(uuid4())])
        assert is_sealed(output_in(log, id))
        assert log.sealing.keys.open(output_in(log, id), id) == MARKER
    assert tables_with(dsn, "agent:c1") == {"aetherius.decided"}
    assert tables_with(dsn, MARKER) == set()
    with psycopg.connect(dsn) as connection:
        assert verify(connection).intact


@pytest.mark.usefixtures("log")
def test_after_a_rotation_old_and_new_events_are_read(dsn: str) -> None:
    before, after = uuid4(), uuid4()
    with Log(dsn, sealing=ONE) as log:
        log.append([answered(before)])
    with Log(dsn, sealing=ROTATED) as log:
        log.append([answered(after)])
        assert [output_in(log, id).split(":")[2] for id in (before, after)] == ["old", "new"]
        assert {log.sealing.keys.open(output_in(log, id), id) for id in (before, after)} == {MARKER}


@pytest.mark.usefixtures("log")
def test_a_lost_key_costs_its_texts_and_nothing_else(dsn: str) -> None:
    before, after = uuid4(), uuid4()
    with Log(dsn, sealing=ONE) as log:
        log.append([answered(before)])
    with Log(dsn, sealing=LOST) as log:
        log.append([answered(after)])
        assert len(log.read(0, 10)) == 2
        assert "key old" in log.sealing.keys.show(output_in(log, before), before)
        assert log.sealing.keys.show(output_in(log, after), after) == MARKER


@pytest.mark.usefixtures("log")
def test_without_keys_a_secret_is_refused_and_the_rest_is_stored(dsn: str) -> None:
    with Log(dsn) as log:
        with pytest.raises(NoKeyError, match="AETHERIUS_STATE_KEYS_FILE"):
            log.append([answered(uuid4())])
        with pytest.raises(NoKeyError):
            log.transact("reader", 1, [answered(uuid4())])
        assert (log.head(), log.checkpoint("reader")) == (0, 0)
        assert log.append([answered(uuid4(), output="")]) == 1


@pytest.mark.usefixtures("log")
def test_with_all_of_the_state_sealed_only_envelopes_can_be_read_without_the_key(dsn: str, events: object) -> None:
    id = uuid4()
    everything = Sealing(ONE.keys, everything=True)
    with Log(dsn, sealing=everything) as log:
        log.append([answered(id)])
        assert log.ingest([*events.reports(3), *events.reports(0)]) == 3  # type: ignore[attr-defined]  # the fixture's builder
        assert log.sealing.keys.open(output_in(log, id), id) == MARKER
        assert [type(each.event).__name__ for each in log.read(0, 10)] == ["Succeeded", *["Reported"] * 3]
    assert tables_with(dsn, "restarting failed container") == tables_with(dsn, "exit_code") == set()
    assert tables_with(dsn, "agent:c1") == {"aetherius.decided"}
    with Log(dsn, sealing=LOST) as log, pytest.raises(SecretUnavailableError, match="key old"):
        log.read(0, 10)
    trail = Trail(dsn, sealing=everything)
    try:
        (entry,) = trail.page(Wanted(actor="agent:c1"), before=None, as_of=None, limit=10).entries
    finally:
        trail.close()
    assert entry.recorded.stream_id == id
    with psycopg.connect(dsn) as connection:
        assert verify(connection).intact


@pytest.mark.usefixtures("log")
def test_what_was_stored_in_plain_text_is_read_on_once_all_is_sealed(dsn: str) -> None:
    before, after = uuid4(), uuid4()
    with Log(dsn, sealing=ONE) as log:
        log.append([answered(before)])
    with Log(dsn, sealing=Sealing(ROTATED.keys, everything=True)) as log:
        log.append([answered(after)])
        assert {log.sealing.keys.open(output_in(log, id), id) for id in (before, after)} == {MARKER}
