"""A log on a database of its own, and every place that an archive may be in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aetherius.event_store import schema
from aetherius.event_store.archive.reading import ARCHIVED
from aetherius.event_store.log import Log


@pytest.fixture
def log(dsn: str) -> Iterator[Log]:
    schema.create(dsn)
    ARCHIVED.forget()
    with Log(dsn) as log:
        yield log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture(params=["folder", "bucket"])
def url(request: pytest.FixtureRequest, folder: Path) -> str:
    """Of a folder, or of a bucket on an S3 server."""
    return folder.as_uri() if request.param == "folder" else f"{request.getfixturevalue('s3_bucket')}/archive"
