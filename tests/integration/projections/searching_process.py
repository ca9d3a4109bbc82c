"""A process that keeps a search index until it is killed: `python searching_process.py DSN BATCH [URL PREFIX]`."""

from __future__ import annotations

import asyncio
import sys

from aetherius.projections.search import service
from aetherius.projections.settings import ProjectionsSettings
from sealed_state import KEYS_TEXT

dsn, batch, *server = sys.argv[1:]
url, prefix = server or ("", "aetherius")
settings = ProjectionsSettings(
    dsn, state_keys=KEYS_TEXT, commit_events=int(batch), elasticsearch_url=url, elasticsearch_prefix=prefix
)
asyncio.run(service.run(settings, asyncio.Event()))
