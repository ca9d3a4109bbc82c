"""Bearer tokens: only hashes are kept, and only the exact token is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from aetherius.access.errors import TokensFileError
from aetherius.access.tokens import Tokens, new_token, write_tokens
from aetherius.access.user import Role, User

OTTO = User("otto", Role.OPERATOR)


def test_a_token_is_known_by_its_hash_alone(tmp_path: Path) -> None:
    path, token = tmp_path / "tokens.json", new_token()
    write_tokens(path, {token: OTTO})
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    tokens = Tokens.read(path)
    assert tokens.user(f"Bearer {token}") == OTTO
    assert tokens.user(f"bearer  {token} ") == OTTO


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer x", "Basic abc", "Bearer a b", "Bearer é"])
def test_anything_else_is_nobody(header: str | None, tmp_path: Path) -> None:
    write_tokens(tmp_path / "tokens.json", {"abc": OTTO})
    assert Tokens.read(tmp_path / "tokens.json").user(header) is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[]", "object"),
        ('{"abc": {"name": "x", "role": "reader"}}', "SHA-256"),
        ('{"%s": {"name": "x", "role": "king"}}' % ("0" * 64), "role"),
    ],
)
def test_a_malformed_file_is_refused_with_the_rule(text: str, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(text)
    with pytest.raises(TokensFileError, match=rule):
        Tokens.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokensFileError, match=r"nowhere\.json"):
        Tokens.read(tmp_path / "nowhere.json")
