"""`aetherius audit` as an operator and an auditor use it: evidence is made beside the log, and checked without it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner, Result

from aetherius.cli.main import app
from aetherius.event_store import schema
from aetherius.event_store.audit.anchor import AnchorFile, SignedHead
from aetherius.event_store.audit.ledger_audit import verify
from aetherius.event_store.log import Log
from aetherius.runtime.signing_key import SigningKey
from log_history import History
from sealed_state import SEALING


class Site:
    """A log with a story, a key, an anchor of its head, and the command line."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        self.folder = folder
        self.key_file = folder / "key.pem"
        self.key = SigningKey.load_or_create(self.key_file)
        self.anchors = folder / "anchors.jsonl"
        self.incident = self._history()
        self._note()

    def _history(self) -> UUID:
        with Log(self.dsn, sealing=SEALING) as log:
            history = History(log)
            for _ in range(5):
                incident = history.open_incident()
            history.diagnose(incident)
            return incident

    def _note(self) -> None:
        with psycopg.connect(self.dsn) as connection:
            self.head = verify(connection).head
        head = SignedHead.sign(self.head.position, self.head.hash, datetime.now(UTC), self.key)
        AnchorFile(self.anchors).append(head)

    def at_the_log(self, *arguments: object) -> Result:
        return self.alone(*arguments, "--dsn", self.dsn)

    def alone(self, *arguments: object) -> Result:
        return CliRunner().invoke(app, ["audit", *map(str, arguments)])

    def tamper(self, sql: str) -> None:
        with psycopg.connect(self.dsn) as connection:
            connection.execute(sql)


@pytest.fixture
def site(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("COLUMNS", "200")
    schema.create(dsn)
    return Site(dsn, tmp_path)


def test_an_audit_takes_the_anchors(site: Site) -> None:
    result = site.at_the_log("verify", "--anchor", site.anchors, "--key-id", site.key.public.key_id)
    assert (result.exit_code, "1 anchors" in result.output) == (0, True)
    site.tamper("UPDATE aetherius.decided SET state = '{}' WHERE notification_id = 2")
    result = site.at_the_log("verify")
    assert (result.exit_code, "2: changed: Incident.Opened.v1" in result.output) == (1, True)


def test_anchors_of_another_key_fail_the_audit(site: Site) -> None:
    result = site.at_the_log("verify", "--anchor", site.anchors, "--key-id", "0" * 16)
    assert result.exit_code == 1
    assert "anchor damaged: line 1: signed by key" in result.output


def test_a_proof_is_checked_without_the_log(site: Site) -> None:
    file = site.folder / "proof.json"
    assert site.at_the_log("prove", site.head.position, "-o", file).exit_code == 0
    result = site.alone("verify", "--proof", file, "--anchor", site.anchors, "--key-id", site.key.public.key_id)
    assert (result.exit_code, "that hash was anchored" in result.output) == (0, True)
    assert "compare that hash" in site.alone("verify", "--proof", file).output
    file.write_bytes(file.read_bytes().replace(b'"version":', b'"version":1'))
    assert site.alone("verify", "--proof", file).exit_code == 1


@pytest.mark.parametrize("selection", ["positions", "time", "incident"])
def test_a_bundle_is_checked_without_the_log(site: Site, selection: str) -> None:
    chosen: dict[str, tuple[object, ...]] = {
        "positions": ("--first", 2, "--last", 5),
        "time": ("--since", "2026-01-01T00:00:00Z", "--until", "2126-01-01T00:00:00+01:00"),
        "incident": ("--incident", site.incident),
    }
    file = site.folder / "bundle.jsonl.gz"
    made = site.at_the_log("export", "-o", file, "--key", site.key_file, *chosen[selection])
    assert made.exit_code == 0, made.output
    assert site.key.public.fingerprint in made.output
    assert file.stat().st_mode & 0o077 == 0
    result = site.alone("verify", "--bundle", file, "--key-id", site.key.public.key_id, "--anchor", site.anchors)
    assert (result.exit_code, "1 anchors met" in result.output) == (0, True), result.output
    assert "anybody can sign" in site.alone("verify", "--bundle", file).output
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    result = site.alone("verify", "--bundle", file)
    assert (result.exit_code, "part 1: its bytes are not those that were signed" in result.output) == (1, True)


def test_no_bundle_is_left_behind_when_the_log_is_damaged(site: Site) -> None:
    site.tamper("UPDATE aetherius.decided SET state = '{}' WHERE notification_id = 2")
    file = site.folder / "bundle.jsonl.gz"
    result = site.at_the_log("export", "-o", file, "--key", site.key_file, "--first", 1, "--last", 3)
    assert result.exit_code == 1
    assert "position 2 is not what was recorded" in result.output
    assert list(site.folder.glob("bundle*")) == []


def test_a_key_that_others_can_read_is_refused_with_a_sentence(site: Site) -> None:
    site.key_file.chmod(0o644)
    result = site.at_the_log("export", "-o", "b", "--key", site.key_file, "--first", 1, "--last", 2)
    assert (result.exit_code, "others may read it" in result.output) == (1, True)


def test_an_auditor_needs_none_of_the_servers_libraries() -> None:
    program = """
import sys, aetherius.cli.audit_evidence
print([name for name in ("psycopg", "eventsourcing", "fastapi", "obstore", "nats") if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "-o", "b", "--first", 1),
        ("export", "-o", "b", "--first", 1, "--last", 2, "--since", "2026-01-01T00:00:00Z"),
        ("export", "-o", "b", "--since", "2026-01-01", "--until", "2026-01-02"),
        ("export", "-o", "b", "--first", 1, "--last", 2, "--key", "missing.pem"),
        ("prove", 10_000, "-o", "p"),
        ("verify", "--proof", "missing"),
        ("verify", "--proof", "a", "--bundle", "b"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(site: Site, arguments: tuple[object, ...]) -> None:
    result = site.at_the_log(*arguments)
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
