"""Anchors: heads of the log, signed and noted outside the database, so that whoever rewrites the log has to rewrite what is not in their hands.

The ledger proves itself to be consistent; only something outside it can prove that it is still the same one. A head is small and public: put the file, or the
bucket, where the database's administrators cannot write.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from aetherius.domain.errors import InfrastructureError
from aetherius.event_store.audit.proof import Hash, Place
from aetherius.event_store.ledger import micros
from aetherius.runtime.signing_key import PublicKey, SigningKey, is_named

FORMAT = "aetherius.anchor.v1"
LINE_LIMIT = 4096
"""Bytes of an anchor at most; a longer line is none."""
_UNFINISHED = b" #unfinished\n"
"""Ends a line that a crash cut off."""


class Anchor(msgspec.Struct, frozen=True):
    """A head of the log that was noted elsewhere, as an audit takes it."""

    position: int
    hash: bytes
    where: str = ""
    """Where it was noted: `line 12`."""
    fault: str = ""
    """Why it cannot be trusted; empty if nothing speaks against it."""


class SignedHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A head as it is noted: one line of JSON."""

    position: Place
    hash: Hash
    recorded_at: Annotated[datetime, Meta(tz=True)]
    public_key: str
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{128}\Z")]

    @classmethod
    def sign(cls, position: int, hash: bytes, recorded_at: datetime, key: SigningKey) -> SignedHead:
        """Sign a head."""
        signature = key.sign(_signed_bytes(position, hash.hex(), recorded_at)).hex()
        return cls(
            position=position,
            hash=hash.hex(),
            recorded_at=recorded_at,
            public_key=key.public.base64,
            signature=signature,
        )

    def encode(self) -> bytes:
        """The line, with its end."""
        return msgspec.json.encode(self) + b"\n"

    def fault(self, key_id: str = "") -> str:
        """Why it cannot be trusted; empty if its key (of this id, if one is given) signed it."""
        try:
            key = PublicKey.from_base64(self.public_key)
        except ValueError:
            return "holds no public key"
        if not key.verify(bytes.fromhex(self.signature), _signed_bytes(self.position, self.hash, self.recorded_at)):
            return "its signature is not of these fields"
        return f"signed by key {key.key_id}, not by {key_id}" if key_id and not is_named(key, key_id) else ""

    def anchor(self, where: str, key_id: str = "") -> Anchor:
        """It, for an audit."""
        return Anchor(self.position, bytes.fromhex(self.hash), where, self.fault(key_id))


def _signed_bytes(position: int, hash: str, recorded_at: datetime) -> bytes:
    return f"{FORMAT}\n{position}\n{hash}\n{micros(recorded_at)}\n".encode()


class AnchorUnavailableError(InfrastructureError):
    """The head may not be noted. Safe to repeat: a head that is noted twice does no harm. Attributes: `place`, `reason`."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"anchors in {place}: {reason}")
        self.place = place
        self.reason = reason


class AnchorSink(Protocol):
    """Where heads are noted. Blocking."""

    def append(self, head: SignedHead) -> None:
        """Return once the head is safe there, also across a power cut. Raises ``AnchorUnavailableError``."""

    def last(self) -> SignedHead | None:
        """The head that was noted last, if it can be read. Raises ``AnchorUnavailableError``."""

    def anchors(self, key_id: str = "") -> Iterator[Anchor]:
        """Everything noted, for an audit; what cannot be read has a fault. Raises ``AnchorUnavailableError``."""


class AnchorFile:
    """A file of JSON lines, only ever appended to: it may carry the file system's append-only mark."""

    def __init__(self, path: Path, *, may_be_missing: bool = False) -> None:
        """`may_be_missing`: a file that is not there yet holds no anchors; else it cannot be read."""
        self._path = path
        self._may_be_missing = may_be_missing

    def append(self, head: SignedHead) -> None:
        """Add a line and sync it. A line that a crash left unfinished is marked as such and stays, as nothing here is ever taken back."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = not self._path.exists()
            fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                start = b"" if _ends_a_line(fd) else _UNFINISHED
                os.write(fd, start + head.encode())
                os.fsync(fd)
            finally:
                os.close(fd)
            if new:
                _sync_folder(self._path.parent)
        except OSError as exc:
            raise AnchorUnavailableError(str(self._path), exc.strerror or str(exc)) from exc

    def last(self) -> SignedHead | None:
        """The head on the last line, if that one is whole."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - LINE_LIMIT))
                lines = file.read().splitlines()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise AnchorUnavailableError(str(self._path), exc.strerror or str(exc)) from exc
        return decoded(lines[-1]) if lines else None

    def anchors(self, key_id: str = "") -> Iterator[Anchor]:
        """The lines from the first to the last, without those that a crash left unfinished."""
        if self._may_be_missing and not self._path.exists():
            return
        try:
            with self._path.open("rb") as file:
                number = 0
                while line := file.readline(LINE_LIMIT):
                    number += 1
                    if head := decoded(line):
                        yield head.anchor(f"line {number}", key_id)
                    elif not _is_unfinished(line):
                        yield Anchor(0, b"", f"line {number}", "is no anchor")
        except OSError as exc:
            raise AnchorUnavailableError(str(self._path), exc.strerror or str(exc)) from exc


def decoded(line: bytes) -> SignedHead | None:
    """The head in a line; None if it is none, or not written as one is."""
    try:
        head = msgspec.json.decode(line, type=SignedHead)
        return head if head.encode() == line.rstrip(b"\n") + b"\n" else None
    except (msgspec.DecodeError, UnicodeError):
        return None


def _is_unfinished(line: bytes) -> bool:
    return line.endswith(_UNFINISHED) or (not line.endswith(b"\n") and len(line) < LINE_LIMIT)


def _ends_a_line(fd: int) -> bool:
    size = os.fstat(fd).st_size
    return size == 0 or os.pread(fd, 1, size - 1) == b"\n"


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
