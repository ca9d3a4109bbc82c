"""An agent in a process of its own, that a test may kill. As a program: `agent_process.py SETTINGS_AS_JSON`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from aetherius.edge_agent.agent import run
from aetherius.edge_agent.settings import AgentSettings
from aetherius.runtime.process import service_main
from aetherius.runtime.telemetry import configure_logging


@contextmanager
def agent_process(settings: AgentSettings, log_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start an agent; it is killed at the end of the block, if it lives by then."""
    argv = [sys.executable, __file__, msgspec.json.encode(settings, enc_hook=str).decode()]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with log_file.open("ab") as log, subprocess.Popen(argv, env=env, stdout=log, stderr=log) as process:
        try:
            yield process
        finally:
            process.kill()


def _main() -> int:
    settings = msgspec.json.decode(sys.argv[1], type=AgentSettings, dec_hook=lambda kind, text: kind(text))
    configure_logging("agent")
    return service_main(partial(run, settings))


if __name__ == "__main__":
    sys.exit(_main())
