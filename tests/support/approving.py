"""A person who looks at the plan of a repair, and says yes to it."""

from __future__ import annotations

import asyncio
import time

from strawberry.relay import to_base64

from aetherius.cli.demo.api import Api

_PLAN = "query Plan($id: ID!) { node(id: $id) { ... on Remediation { plan { digest } } } }"


async def say_yes(api: Api, remediation_id: str, within: float = 60.0) -> None:
    """Wait for the plan (seconds), and approve it."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = (await api.ask(_PLAN, id=to_base64("Remediation", remediation_id)))["node"]
        if found and found["plan"]:
            await api.approve(remediation_id, found["plan"]["digest"])
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"there is no plan of remediation {remediation_id} after {within:g} s")
