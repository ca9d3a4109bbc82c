"""The demo's own hand on the simulated clusters: plain kubectl, as a person would use it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from aetherius.domain.errors import InfrastructureError


class KubectlError(InfrastructureError):
    """kubectl refused, or is not there."""


class Kubectl:
    """kubectl on one cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._program = Path(sys.executable).absolute().parent / "kubectl"

    async def run(self, *args: str, document: Any = None, within: float = 20.0) -> str:
        """What it prints.

        Raises:
            KubectlError: with what it complains of.
        """
        command = (str(self._program), "--kubeconfig", str(self._kubeconfig), *args)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if document is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        given = json.dumps(document).encode() if document is not None else None
        try:
            async with asyncio.timeout(within):
                output, errors = await process.communicate(given)
        except TimeoutError as exc:
            process.kill()
            raise KubectlError(f"kubectl {args[0]} took longer than {within:g} s") from exc
        if process.returncode:
            raise KubectlError(f"kubectl {' '.join(args)}: {errors.decode(errors='replace').strip()}")
        return output.decode(errors="replace")

    async def create(self, *documents: dict[str, Any]) -> None:
        """Create objects."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        await self.run("create", "--validate=false", "-f", "-", document=items)
