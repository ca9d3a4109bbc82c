"""The file of the state's keys: private, in order, never half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from aetherius.runtime.errors import CredentialsError, SettingError
from aetherius.runtime.state_keys import add_key, make_key_file, read_keys, seal_with


def test_the_first_key_of_several_writers_counts(tmp_path: Path) -> None:
    file = tmp_path / "site" / "keys"
    make_key_file(file, "one")
    make_key_file(file, "two")
    assert list(read_keys(file, "").values()) == ["one"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_new_key_comes_in_front_or_waits_at_the_end_until_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first = add_key(file, "one", seals=True)
    second = add_key(file, "two", seals=True)
    third = add_key(file, "three", seals=False)
    assert list(read_keys(file, "")) == [second, first, third]
    seal_with(file, third)
    assert list(read_keys(file, "")) == [third, second, first]
    with pytest.raises(CredentialsError, match="has no key k9"):
        seal_with(file, "k9")


def test_keys_of_the_environment_go_before_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    id = add_key(file, "one", seals=True)
    assert list(read_keys(file, "a:x, b:y=").items()) == [("a", "x"), ("b", "y="), (id, "one")]
    assert read_keys(None, "") == {}


@pytest.mark.parametrize("text", ["hidden", "a:hidden,a:hidden2", ":hidden", "a:"])
def test_a_malformed_setting_is_named_without_its_value(text: str) -> None:
    with pytest.raises(SettingError, match="AETHERIUS_STATE_KEYS") as told:
        read_keys(None, text)
    assert "hidden" not in str(told.value)


def test_a_file_that_others_may_read_or_without_keys_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    add_key(file, "hidden", seals=True)
    file.chmod(0o640)
    with pytest.raises(CredentialsError, match="others may read it"):
        read_keys(file, "")
    file.chmod(0o600)
    for content in (b"", b"# only this\n", b"hidden\n", b"\xff"):
        file.write_bytes(content)
        with pytest.raises(CredentialsError) as told:
            read_keys(file, "")
        assert "hidden" not in str(told.value)
    with pytest.raises(CredentialsError, match="No such file"):
        read_keys(tmp_path / "none", "")
