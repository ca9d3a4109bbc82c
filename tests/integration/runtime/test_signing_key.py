"""The platform's key and an agent's credentials, as files."""

from __future__ import annotations

import base64
import hashlib
import stat
import string
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aetherius.runtime.credentials import Credentials
from aetherius.runtime.errors import CredentialsError
from aetherius.runtime.signing_key import PublicKey, SigningKey


def some_credentials() -> Credentials:
    key = SigningKey(Ed25519PrivateKey.generate()).public
    return Credentials(
        nats_url="nats://127.0.0.1:4222",
        user="agent-east",
        password="hush",
        inbox_prefix="_INBOX.east",
        cluster_id="east",
        command_key=key.base64,
        command_key_id=key.key_id,
    )


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "signing-key.pem"
    first = SigningKey.load_or_create(file)
    assert SigningKey.load_or_create(file).public.base64 == first.public.base64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_only_exactly_the_signed_bytes_verify(tmp_path: Path) -> None:
    key = SigningKey.load_or_create(tmp_path / "key.pem")
    other = SigningKey.load_or_create(tmp_path / "other.pem")
    signature = key.sign(b"subject\npayload")
    public = PublicKey.from_base64(key.public.base64)
    assert public.verify(signature, b"subject\npayload")
    assert not public.verify(signature, b"subject\npayload ")
    assert not public.verify(other.sign(b"subject\npayload"), b"subject\npayload")
    assert not public.verify(b"short", b"subject\npayload")


def test_the_key_id_is_the_start_of_the_public_keys_hash(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    digest = hashlib.sha256(private.public_key().public_bytes_raw()).hexdigest()
    assert SigningKey(private).public.key_id == digest[:16]


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "key.pem"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(CredentialsError, match=r"key\.pem"):
        SigningKey.load_or_create(file)


def test_credentials_come_back_from_their_private_file(tmp_path: Path) -> None:
    file, credentials = tmp_path / "east.json", some_credentials()
    credentials.save(file)
    assert Credentials.load(file) == credentials
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_password_is_not_shown(tmp_path: Path) -> None:
    credentials = some_credentials()
    assert "hush" not in f"{credentials!r} {credentials} {[credentials]}"


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "east.json"
    some_credentials().save(file)
    file.chmod(0o640)
    for load in (Credentials.load, SigningKey.load_or_create):
        with pytest.raises(CredentialsError, match="others may read it"):
            load(file)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"cluster_id"', '"cluster"', "cluster_id"),
        ('"command_key_id": "', '"command_key_id": "0', "command_key_id"),
        ("{", "", "malformed"),
        ('"command_key": "', '"command_key": "%', "base64"),
    ],
)
def test_a_malformed_file_is_refused_without_showing_the_password(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    file = tmp_path / "east.json"
    some_credentials().save(file)
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(CredentialsError, match=said) as caught:
        Credentials.load(file)
    assert "hush" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"absent\.json: No such file"):
        Credentials.load(tmp_path / "absent.json")


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "signing-key.pem"
    with ThreadPoolExecutor(16) as starting:
        keys = list(starting.map(lambda _: SigningKey.load_or_create(file).public.key_id, range(64)))
    assert len(set(keys)) == 1
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_key_has_one_wire_form_only() -> None:
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    wire = PublicKey(bytes(32)).base64
    others = [f"{wire[:-2]}{letter}=" for letter in alphabet if letter != wire[-2]]
    aliases = [other for other in others if base64.b64decode(other) == bytes(32)]
    assert len(aliases) == 3, "two bits of the last letter carry nothing"
    for alias in aliases:
        with pytest.raises(ValueError, match="bits that carry nothing"):
            PublicKey.from_base64(alias)
