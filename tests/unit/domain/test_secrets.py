"""Secrets are sealed field by field, open with any key of the ring in their own stream, and nothing else opens them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from aetherius.domain.command import Issued, Succeeded, TimedOut
from aetherius.domain.errors import InvalidKeyError, NoKeyError, SecretUnavailableError
from aetherius.domain.event import all_topics, event_type
from aetherius.domain.keyring import NO_KEYS, Keyring, is_sealed, new_key
from aetherius.domain.secrets import opened, sealed, secret_fields
from aetherius.domain.workflow.events import StepSucceeded
from aetherius.projections.models import MODELS
from event_samples import sample

OLD, NEW = new_key(), new_key()
KEYS = Keyring({"old": OLD})
HERE, ELSEWHERE = uuid4(), uuid4()


@given(st.text(), st.uuids())
def test_what_is_sealed_opens_as_it_was(text: str, place: UUID) -> None:
    stored = KEYS.seal(text, place)
    assert KEYS.open(stored, place) == text
    assert is_sealed(stored) == bool(text)


def test_sealed_twice_is_sealed_once_and_no_two_seals_are_alike() -> None:
    once = KEYS.seal("out", HERE)
    assert KEYS.seal(once, HERE) == once
    assert KEYS.seal("out", HERE) != once


def test_a_text_that_only_looks_sealed_is_sealed_too() -> None:
    looks = "sealed:v1:old:" + "A" * 64
    assert KEYS.open(KEYS.seal(looks, HERE), HERE) == looks


def test_a_new_key_in_front_seals_and_the_old_one_still_opens() -> None:
    before = KEYS.seal("out", HERE)
    rotated = Keyring({"new": NEW, "old": OLD})
    after = rotated.seal("out", HERE)
    assert after.startswith("sealed:v1:new:")
    assert rotated.open(before, HERE) == rotated.open(after, HERE) == "out"


def test_a_lost_key_costs_the_text_and_names_the_key() -> None:
    lost = KEYS.seal("out", HERE)
    with pytest.raises(SecretUnavailableError, match="key old, which is not in the keyring"):
        Keyring({"new": NEW}).open(lost, HERE)
    assert NO_KEYS.show(lost, HERE) == "[unavailable: sealed with key old, which is not in the keyring]"


@pytest.mark.parametrize("place", range(14, 14 + 60))
def test_a_changed_character_is_found(place: int) -> None:
    stored = KEYS.seal("some output", HERE)
    changed = stored[:place] + ("A" if stored[place] != "A" else "B") + stored[place + 1 :]
    with pytest.raises(SecretUnavailableError):
        KEYS.open(changed, HERE)


def test_a_secret_does_not_open_in_another_stream() -> None:
    with pytest.raises(SecretUnavailableError, match="another stream"):
        KEYS.open(KEYS.seal("out", HERE), ELSEWHERE)


def test_without_a_key_nothing_secret_is_sealed() -> None:
    assert NO_KEYS.seal("", HERE) == ""
    with pytest.raises(NoKeyError, match="AETHERIUS_STATE_KEYS_FILE"):
        NO_KEYS.seal("out", HERE)


def test_a_malformed_key_is_refused_and_not_told() -> None:
    for id, key in (("k", "not base64!"), ("k", "c2hvcnQ="), ("bad id", NEW)):
        with pytest.raises(InvalidKeyError) as told:
            Keyring({id: key})
        assert key not in str(told.value)
    assert NEW not in repr(Keyring({"k": NEW}))


def test_an_events_secrets_are_sealed_and_its_other_fields_are_not() -> None:
    answer = Succeeded(exit_code=0, output="out", output_sha256="abc")
    stored = sealed(answer, HERE, KEYS)
    assert is_sealed(stored.output)
    assert msgspec.structs.replace(stored, output="out") == answer
    assert opened(stored, HERE, KEYS) == answer


def test_of_a_steps_output_only_what_its_command_printed_is_sealed() -> None:
    done = StepSucceeded(step_id="look", output={"status": "success", "exit_code": 0, "output": "out", "error": ""})
    stored = sealed(done, HERE, KEYS)
    assert is_sealed(stored.output["output"])
    assert {**stored.output, "output": "out"} == done.output
    assert opened(stored, HERE, KEYS) == done


def test_an_event_without_secrets_is_left_alone() -> None:
    event = sample(Issued)
    assert sealed(event, HERE, NO_KEYS) is event
    still = TimedOut()
    assert sealed(still, HERE, NO_KEYS) is still


def test_what_commands_print_is_secret_in_events_and_rows() -> None:
    assert secret_fields(Succeeded) == {"output"}
    rows = {model.name: secret_fields(model.row) for model in MODELS}
    assert rows["commands"] == {"output", "error"}
    assert rows["workflows"] == rows["remediations"] == {"error"}
    assert not rows["events"]


def test_only_top_level_fields_of_events_are_secret() -> None:
    """Deeper ones would not be sealed."""
    for topic in all_topics():
        cls = event_type(topic)
        top = [field.type for field in msgspec_fields(cls)]
        inner = [kind.type if isinstance(kind, inspect.Metadata) else kind for kind in top]
        assert not any(_marked_within(kind, set()) for kind in inner), topic


def msgspec_fields(cls: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    kind = inspect.type_info(cls)
    assert isinstance(kind, inspect.StructType)
    return kind.fields


def _marked_within(kind: Any, seen: set[type]) -> bool:
    if isinstance(kind, inspect.Metadata):
        return bool({"secret", "secret_keys"} & set(kind.extra or {})) or _marked_within(kind.type, seen)
    if isinstance(kind, inspect.StructType):
        if kind.cls in seen:
            return False
        return any(_marked_within(field.type, seen | {kind.cls}) for field in kind.fields)
    parts = [getattr(kind, name) for name in ("item_type", "key_type", "value_type") if hasattr(kind, name)]
    return any(_marked_within(part, seen) for part in [*parts, *getattr(kind, "types", ())])
