"""How long work shows how far it is: a bar with the expected end on a terminal, a line every ten seconds in a log. On stderr, as answers go to stdout."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.progress import ProgressColumn as Column
from rich.text import Text

_EVERY = 10.0


class _End(Column):
    """The time of day at which it should be done."""

    def render(self, task: Task) -> Text:
        """From the speed so far."""
        if task.time_remaining is None:
            return Text("")
        return Text(f"ends {_clock(task.time_remaining)}", style="cyan")


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A function to call with how much is done, and how much there is."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(what, console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), _End())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Lines:
    """For logs."""

    def __init__(self, what: str, console: Console) -> None:
        self._what = what
        self._console = console
        self._begun = self._told = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int) -> None:
        """Tell it, if nothing was told for a while."""
        now = time.monotonic()
        if self._first is None:
            self._first = done
        if now - self._told < _EVERY or done <= self._first:
            return
        self._told = now
        rest = (total - done) * (now - self._begun) / (done - self._first)
        self._console.print(
            f"{self._what}: {done} of {total} ({done / total:.0%}), ends {_clock(rest)}", highlight=False
        )


def _clock(seconds: float) -> str:
    return f"{datetime.now().astimezone() + timedelta(seconds=seconds):%H:%M:%S}"
