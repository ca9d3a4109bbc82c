"""Where the objects of the archive lie: a folder or a bucket, by URL. Objects are named by their content and never written over."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from aetherius.event_store.archive.errors import ArchiveDamagedError, ArchiveUnavailableError

_CHUNK = 8 << 20


class Place:
    """Puts and gets whole objects, and opens them for reading here and there. Thread-safe."""

    def __init__(self, url: str) -> None:
        """`url`: `file:///folder`, which must be there, or `s3://bucket/folder`; credentials come from the environment.

        Raises:
            ArchiveUnavailableError: no URL of a folder or bucket, or the folder is not there: perhaps its disk is not mounted.
        """
        self.url = url
        self._folder = _folder(url)
        try:
            self._store: ObjectStore = _store(url)
        except (BaseError, ValueError, OSError) as exc:
            raise ArchiveUnavailableError(url, "", str(exc)) from exc

    def put(self, name: str, file: Path) -> None:
        """Store a file under a name, for good: in a folder it outlives a loss of power.

        One that is there was named by the same content: it is written over, which heals it should it be damaged.
        """
        with self._explained(name):
            if self._folder:
                self._folder.stat()  # else the store would make it again, on whatever disk is there instead
            self._store.put(name, file)
            if self._folder:
                _sync(self._folder / name)
                _sync(self._folder)

    def fetch(self, name: str, into: IO[bytes]) -> bytes:
        """Copy an object into a file; the SHA-256 of what came."""
        seen = sha256()
        for chunk in self._chunks(name):
            seen.update(chunk)
            into.write(chunk)
        return seen.digest()

    def hash_of(self, name: str) -> bytes:
        """The SHA-256 of an object as it is now."""
        seen = sha256()
        for chunk in self._chunks(name):
            seen.update(chunk)
        return seen.digest()

    def delete(self, name: str) -> None:
        """Remove an object; none is no error."""
        with self._explained(name):
            try:
                self._store.delete(name)
            except FileNotFoundError:
                return

    def open(self, name: str) -> RangeFile:
        """An object as a file, read by ranges."""
        with self._explained(name):
            return RangeFile(self, name, int(self._store.head(name)["size"]))

    def range(self, name: str, start: int, length: int) -> memoryview:
        """Some bytes of an object."""
        with self._explained(name):
            return memoryview(self._store.get_range(name, start=start, length=length))

    def _chunks(self, name: str) -> Iterator[bytes]:
        with self._explained(name):
            for chunk in self._store.get(name).stream(min_chunk_size=_CHUNK):
                yield bytes(chunk)

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as exc:
            raise ArchiveUnavailableError(self.url, name, str(exc)) from exc


class RangeFile(io.RawIOBase):
    """One object, read by ranges."""

    def __init__(self, place: Place, name: str, size: int) -> None:
        self._place = place
        self._name = name
        self._size = size
        self._at = 0

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move there."""
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset
        return self._at

    def readinto(self, into: Any) -> int:
        """Fill the buffer as far as the object reaches."""
        length = max(0, min(len(into), self._size - self._at))
        if length:
            into[:length] = self._place.range(self._name, self._at, length)
            self._at += length
        return length


@lru_cache(maxsize=16)
def place_of(url: str) -> Place:
    """The place of a URL; one for all who ask. Raises ``ArchiveUnavailableError``."""
    return Place(url)


def make_folder(url: str) -> None:
    """Make the folder of an archive that is new. A bucket has to be there.

    Raises:
        ArchiveUnavailableError: it cannot be made.
    """
    folder = _folder(url)
    if folder is None or folder.is_dir():
        return
    try:
        folder.mkdir(mode=0o700, parents=True)
        _sync(folder.parent)
    except OSError as exc:
        raise ArchiveUnavailableError(url, "", str(exc)) from exc


def check_hash(place: Place, name: str, found: bytes, noted: bytes) -> None:
    """Raises ``ArchiveDamagedError`` if an object is not what was noted."""
    if found != noted:
        raise ArchiveDamagedError(place.url, name, f"its SHA-256 is {found.hex()}, not {noted.hex()}")


def _store(url: str) -> ObjectStore:
    folder = _folder(url)
    if folder is None:
        return from_url(url)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: is its disk mounted?")
    return LocalStore(folder)


def _folder(url: str) -> Path | None:
    """The folder that a URL names; None for a bucket."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _sync(path: Path) -> None:
    """Return when a file, or a folder's list of names, is on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
