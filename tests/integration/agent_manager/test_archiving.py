"""The leader archives by itself what is old enough; a round that fails stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from aetherius.event_store.archive.archiving import FAILURES
from aetherius.event_store.archive.reading import ARCHIVED
from archive_site import everything, fill
from manager_site import Site

pytestmark = pytest.mark.anyio


async def test_old_observations_leave_the_database_and_stay_in_the_log(site: Site, tmp_path: Path) -> None:
    fill(site.log, weeks=2, each=20)
    before = everything(site.log)
    folder = tmp_path / "archive"
    folder.mkdir()
    ARCHIVED.forget()
    async with site.manager(archive=folder.as_uri(), retain_days=30, archive_interval=0.2):
        await site.until(lambda: len(list(folder.iterdir())) >= 4)
        await site.until(lambda: site.log.archive_edge() is not None)
    assert everything(site.log)[: len(before)] == before


async def test_a_round_that_fails_is_counted_and_the_rest_goes_on(site: Site, tmp_path: Path) -> None:
    fill(site.log, weeks=1, each=5)
    failed = FAILURES._value.get()
    async with site.manager(archive=(tmp_path / "missing").as_uri(), retain_days=3, archive_interval=0.1) as manager:
        await site.until(lambda: FAILURES._value.get() > failed + 1)
        assert not manager.done()
    assert site.log.archive_edge() is None
