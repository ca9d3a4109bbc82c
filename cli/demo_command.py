"""`aetherius demo`: the main job, shown live on two simulated clusters."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from aetherius.cli.folder import DataFolder, DataOption
from aetherius.cli.missing import explained

DEMO_DATA = Path(".data/demo")
SUMMARY = Path("build/demo.json")
_WIDTH_WITHOUT_TERMINAL = 140


def demo(
    data: DataOption = DEMO_DATA,
    port: Annotated[int, typer.Option(help="Of the GraphQL API; 0 keeps the last one, or takes a free one.")] = 0,
    leave: Annotated[bool, typer.Option("--exit", envvar="DEMO_EXIT", help="Leave when the show is over.")] = False,
) -> None:
    """Break two simulated clusters in four ways, and watch each being found, explained, repaired and verified."""
    with explained():
        from aetherius.runtime.process import cancelled_by, service_main
        from aetherius.runtime.telemetry import configure_logging

        configure_logging("demo", os.environ.get("AETHERIUS_LOG_LEVEL", "ERROR"))
        console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL)
        verdict = Verdict()

        async def run(stop: asyncio.Event) -> None:
            await cancelled_by(stop, _play(console, DataFolder.at(data), port, leave, verdict))
            stop.set()

        sys.exit(service_main(run) or verdict.code)


class Verdict:
    """How the show went: 0 if every fault was diagnosed rightly, repaired and verified, 1 if one was not, 130 if it was interrupted before."""

    code = 130


async def _play(console: Console, folder: DataFolder, port: int, leave: bool, verdict: Verdict) -> None:
    """The whole demo; without `leave` it ends only by being cancelled."""
    from aetherius.cli.demo.faults import four_faults
    from aetherius.cli.demo.narration import Narration
    from aetherius.cli.demo.result import write_summary
    from aetherius.cli.demo.show import Show
    from aetherius.cli.demo.stage import open_stage

    begun, space = time.monotonic(), f"demo-{int(time.time()):x}"
    faults, narration = four_faults(space), Narration(console)
    with console.status("starting") as status:
        async with open_stage(folder, space, port, _progress(console, begun)) as stage:
            status.update("waiting for the agents and the shop")
            await asyncio.gather(stage.until_online(), stage.furnish(space, faults))
            console.print(f"[dim]{time.monotonic() - begun:5.1f} s[/]  both agents online, a shop runs in {space}")
            status.update("watching")
            stories = await Show(stage, narration).run(faults)
            status.stop()
            narration.summary(stories)
            url = stage.platform.graphql_url
            write_summary(SUMMARY, stories, url, time.monotonic() - begun)
            _invite(console, stage, stories)
            verdict.code = _judge(console, stories)
            if not leave:
                console.print("\nserving until Ctrl-C")
                await asyncio.Event().wait()


def _progress(console: Console, begun: float) -> Any:
    from aetherius.runtime.supervisor import Phase

    def show(name: str, phase: Phase) -> None:
        if phase in (Phase.READY, Phase.CRASHED):
            console.print(f"[dim]{time.monotonic() - begun:5.1f} s[/]  {name} {phase}")

    return show


def _invite(console: Console, stage: Any, stories: list[Any]) -> None:
    from aetherius.cli.demo.result import queries

    token = stage.platform.folder.token
    console.print(f"\nGraphQL at [bold]{stage.platform.graphql_url}[/]  (token in {token})\nThree queries to try:")
    for about, query in queries(stories):
        body = shlex.quote(f'{{"query": "{query.replace(chr(34), chr(92) + chr(34))}"}}')
        console.print(f"\n[dim]# {about}[/]")
        console.print(
            f'curl -s {stage.platform.graphql_url} -H "Authorization: Bearer $(cat {token})" '
            f"-H 'Content-Type: application/json' -d {body}",
            markup=False,
            soft_wrap=True,
        )


def _judge(console: Console, stories: list[Any]) -> int:
    wrong = [f"{story.fault.title}: {story.wrong()}" for story in stories if not story.right]
    for each in wrong:
        console.print(f"[red]not as it must be: {each}[/]")
    if not wrong:
        console.print("\n[green]all four faults were diagnosed rightly, repaired and verified[/]")
    return 1 if wrong else 0
