"""What a pod prints is masked beside everything else that the agent does."""

from __future__ import annotations

import asyncio
import stat
import time
from pathlib import Path

import pytest

from aetherius.edge_agent.commanding.execute import Kubectl
from aetherius.edge_agent.commanding.policy import check

pytestmark = pytest.mark.anyio
LINES = 80_000


@pytest.fixture
def chatty(tmp_path: Path) -> Kubectl:
    """A program that prints a megabyte, all of it passwords."""
    program = tmp_path / "kubectl"
    program.write_text(f"#!/bin/sh\nyes 'password=s3cr3tpw' | head -n {LINES}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Kubectl(program, None, tmp_path / "home", 256 * 1024)


async def test_the_loop_goes_on_while_a_megabyte_is_masked(chatty: Kubectl) -> None:
    command = check(["kubectl", "logs", "web-0", "--tail=5000"])
    assert command is not None
    running = asyncio.create_task(chatty.run(command, 30.0))
    turns = 0
    while not running.done():
        await asyncio.sleep(0.01)
        turns += 1
    output = await running
    assert "s3cr3tpw" not in output.text
    began = time.process_time()
    chatty._finished(0, b"password=s3cr3tpw\n" * 10_000, False, b"", command)
    whole = (time.process_time() - began) * 5  # about what the megabyte took
    assert turns > whole / 0.2, f"{turns} turns while about {whole:.1f} s were spent on masking"
