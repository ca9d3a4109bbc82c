"""A process that keeps the read models until it is killed: `python projecting_process.py DSN [MODEL]`."""

from __future__ import annotations

import asyncio
import sys

from aetherius.projections import service
from aetherius.projections.models import model_named
from aetherius.projections.settings import ProjectionsSettings

if names := sys.argv[2:]:
    service.MODELS = tuple(map(model_named, names))  # type: ignore[attr-defined]
asyncio.run(service.run(ProjectionsSettings(sys.argv[1], commit_events=3 if not names else 500), asyncio.Event()))
