"""A process that keeps the read models until it is killed: `python projecting_process.py DSN`."""

from __future__ import annotations

import asyncio
import sys

from aetherius.projections import service
from aetherius.projections.settings import ProjectionsSettings

asyncio.run(service.run(ProjectionsSettings(sys.argv[1], projections_batch=3), asyncio.Event()))
