"""What every place of an archive promises, a folder as well as a bucket: whole objects, ranges of them, and a reason when it gives none."""

from __future__ import annotations

import io
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from aetherius.event_store.archive import place as place_module
from aetherius.event_store.archive.errors import ArchiveDamagedError, ArchiveUnavailableError
from aetherius.event_store.archive.place import Place, check_hash, make_folder

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def place(url: str) -> Place:
    make_folder(url)
    return Place(url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "object"
    path.write_bytes(CONTENT)
    return path


def test_what_is_put_comes_back_whole_with_its_hash(place: Place, file: Path) -> None:
    place.put("a", file)
    into = io.BytesIO()
    assert place.fetch("a", into) == place.hash_of("a") == sha256(CONTENT).digest()
    assert into.getvalue() == CONTENT


def test_an_object_that_comes_in_parts_has_the_same_hash(
    place: Place, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_module, "_CHUNK", 100)
    place.put("a", file)
    assert place.hash_of("a") == sha256(CONTENT).digest()


def test_a_put_over_a_damaged_object_heals_it(place: Place, file: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(CONTENT[:-1])
    place.put("a", tmp_path / "damaged")
    place.put("a", file)
    assert place.hash_of("a") == sha256(CONTENT).digest()


def test_an_object_is_read_here_and_there(place: Place, file: Path) -> None:
    place.put("a", file)
    opened = place.open("a")
    assert (opened.size, opened.readable(), opened.seekable(), opened.tell()) == (len(CONTENT), True, True, 0)
    assert opened.seek(-10, io.SEEK_END) == len(CONTENT) - 10
    assert opened.read(100) == CONTENT[-10:]
    assert opened.read(100) == b""
    assert opened.seek(5) == 5
    assert opened.read(7) == CONTENT[5:12]
    assert opened.seek(3, io.SEEK_CUR) == 15
    assert opened.read(1) == CONTENT[15:16]
    assert bytes(place.range("a", 300, 20)) == CONTENT[300:320]


def test_an_object_is_removed_and_none_is_no_error(place: Place, file: Path) -> None:
    place.put("a", file)
    place.delete("a")
    place.delete("a")
    with pytest.raises(ArchiveUnavailableError):
        place.open("a")


@pytest.mark.parametrize(
    "ask",
    [
        lambda place: place.open("missing"),
        lambda place: place.hash_of("missing"),
        lambda place: place.fetch("missing", io.BytesIO()),
        lambda place: place.range("missing", 0, 5),
    ],
)
def test_an_object_that_is_not_there_is_named(place: Place, ask: Callable[[Place], object]) -> None:
    with pytest.raises(ArchiveUnavailableError, match="missing"):
        ask(place)


def test_a_hash_that_is_not_the_noted_one_is_told(place: Place) -> None:
    check_hash(place, "a", b"x", b"x")
    with pytest.raises(ArchiveDamagedError, match="SHA-256 is 78, not 79"):
        check_hash(place, "a", b"x", b"y")


@pytest.mark.parametrize("url", ["gopher://archive", "nowhere", "file:///nowhere/at/all"])
def test_what_is_no_place_is_named(url: str) -> None:
    with pytest.raises(ArchiveUnavailableError, match=url):
        Place(url)


def test_only_its_owner_reads_a_folder_that_is_made(tmp_path: Path) -> None:
    make_folder((tmp_path / "deep" / "archive").as_uri())
    make_folder((tmp_path / "deep" / "archive").as_uri())
    assert (tmp_path / "deep" / "archive").stat().st_mode & 0o077 == 0
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveUnavailableError):
        make_folder((tmp_path / "file" / "archive").as_uri())
