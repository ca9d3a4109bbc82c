"""How a process seals what it stores, by its settings: secrets, or all that events say."""

from __future__ import annotations

from base64 import b64encode
from uuid import uuid4

import pytest

from aetherius.domain.errors import SecretUnavailableError
from aetherius.domain.event import Unreadable
from aetherius.domain.keyring import Keyring, new_key
from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.sealing import PLAIN, Sealing, SealingSettings, require_keys, sealing_of
from aetherius.runtime.errors import SettingError
from event_builders import a_gap, report
from sealed_state import KEYS, KEYS_TEXT

ALL = Sealing(KEYS, everything=True)


def settings(**given: str) -> SealingSettings:
    return SealingSettings(**given)  # type: ignore[arg-type]  # texts


def test_all_that_events_say_is_sealed_and_read_again() -> None:
    log = MemoryLog(sealing=ALL)
    log.append([gap := a_gap("berlin")])
    assert log.ingest([seen := report("oslo").stored()]) == 1
    assert [recorded.event.cluster_id for recorded in log.read(0, 10)] == ["berlin", "oslo"]  # type: ignore[attr-defined]
    stored = ALL.stored(gap)
    assert b"berlin" not in stored.state
    assert b"system:test" in stored.state, "who and why can be read"
    assert b"oslo" not in ALL.bulk([seen])[0].state
    assert PLAIN.bulk([seen])[0] is seen


def test_without_the_key_nothing_of_it_can_be_read() -> None:
    stored = ALL.stored(a_gap("berlin"))
    lost = Sealing(Keyring({"new": new_key()}))
    with pytest.raises(SecretUnavailableError, match="key test"):
        lost.recorded((1, stored.originator_id, 1, stored.topic, stored.state))


@pytest.mark.parametrize(
    ("topic", "state"),
    [("Agent.GapDetected.v1", b"nonsense"), ("Agent.Teleported.v1", b"{}"), ("Agent.GapDetected.v1", b'{"data":{}}')],
)
def test_what_this_version_cannot_read_is_kept_as_it_is(topic: str, state: bytes) -> None:
    for sealing in (PLAIN, ALL):
        recorded = sealing.recorded((7, uuid4(), 1, topic, state))
        assert isinstance(recorded.event, Unreadable)
        assert recorded.position == 7


def test_settings_say_what_is_sealed() -> None:
    assert not sealing_of(settings(state_keys=KEYS_TEXT)).everything
    assert sealing_of(settings(state_keys=KEYS_TEXT, encrypt="all")).everything
    with pytest.raises(SettingError, match="AETHERIUS_ENCRYPT is neither secrets nor all"):
        sealing_of(settings(encrypt="some"))


@pytest.mark.parametrize("keys", ["test:" + b64encode(b"short").decode(), "no key"])
def test_a_key_that_is_none_is_named_by_its_setting(keys: str) -> None:
    with pytest.raises(SettingError, match="AETHERIUS_STATE_KEYS"):
        sealing_of(settings(state_keys=keys))


def test_a_service_that_stores_secrets_must_have_keys() -> None:
    require_keys(settings(state_keys=KEYS_TEXT))
    with pytest.raises(SettingError, match="AETHERIUS_STATE_KEYS_FILE is not set"):
        require_keys(settings())
