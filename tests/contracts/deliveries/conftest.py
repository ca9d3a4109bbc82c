"""Every log there is, with the deliveries that wait beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from delivery_site import KINDS, DeliverySite, in_memory, on_postgres


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest) -> Iterator[DeliverySite]:
    if request.param == "memory":
        yield in_memory()
    else:
        with on_postgres(request.getfixturevalue("dsn")) as site:
            yield site
