"""Every log there is, each with a table of state rows that the contract's tests write in transactions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from event_log_sites import LogSite, MemorySite, PostgresSite


@pytest.fixture(params=["memory", "postgres"])
def site(request: pytest.FixtureRequest) -> Iterator[LogSite]:
    if request.param == "memory":
        yield MemorySite()
    else:
        with PostgresSite(request.getfixturevalue("dsn")) as site:
            yield site
