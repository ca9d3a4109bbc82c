"""The published description of the wire is that of the code: a changed message is seen in review."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aetherius.domain.wire import asyncapi

PUBLISHED = Path(__file__).parents[3] / "docs" / "asyncapi.json"


def test_the_published_document_is_up_to_date() -> None:
    assert json.loads(PUBLISHED.read_text()) == asyncapi.document(), "write it anew: make schemas"


@pytest.mark.parametrize("channel", asyncapi.CHANNELS, ids=lambda channel: channel.name)
def test_every_reference_of_a_channel_leads_somewhere(channel: asyncapi.Channel) -> None:
    schemas = asyncapi.document()["components"]["schemas"]
    assert channel.message.__name__ in schemas
    assert channel.reply is None or channel.reply.__name__ in schemas
