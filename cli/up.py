"""`aetherius up`: the whole platform on one machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer
from rich.console import Console

from aetherius.cli.folder import DEFAULT, DataFolder, DataOption
from aetherius.cli.missing import explained

console = Console(highlight=False)


def up(
    data: DataOption = DEFAULT,
    port: Annotated[int, typer.Option(help="Of the GraphQL API; 0 keeps the last one, or takes a free one.")] = 0,
) -> None:
    """Run PostgreSQL, NATS and every service on this machine; state stays in the data folder."""
    with explained():
        from aetherius.runtime.process import cancelled_by, service_main
        from aetherius.runtime.telemetry import configure_logging

        configure_logging("up", "WARNING")
        sys.exit(service_main(lambda stop: cancelled_by(stop, _run(DataFolder.at(data), port))))


async def _run(folder: DataFolder, port: int) -> None:
    """Start and serve; ends only by being cancelled, which a start that hangs is too."""
    from aetherius.cli.platform import Platform, PlatformOptions
    from aetherius.runtime.supervisor import Phase

    def show(name: str, phase: Phase) -> None:
        console.print(f"  {name:<15} {phase}")

    console.print(f"starting on {folder.root}")
    async with Platform(folder, PlatformOptions(graphql_port=port), show) as platform:
        await platform.serve()
        console.print(f"GraphQL   {platform.graphql_url}")
        console.print(f"token     {folder.token}  (Authorization: Bearer ...)")
        console.print("agents    aetherius enroll CLUSTER, then: aetherius agent --credentials FILE --kubeconfig FILE")
        try:
            await asyncio.Event().wait()
        finally:
            console.print("stopping")
