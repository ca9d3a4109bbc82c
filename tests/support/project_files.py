"""The files of the project, for the tests about its text. No git is asked: a checkout may belong to another user."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

ROOMS = sorted(link.name for link in (ROOT / "src" / "aetherius").iterdir())
_FOLDERS = [*ROOMS, "tests", "bench", "docs", "deploy", "console", "requirements", ".ci"]
_GENERATED = {"__pycache__", "node_modules", "dist"}


def project_files() -> list[Path]:
    """Every file of the project, relative to its root, sorted."""
    at_the_top = [file for file in ROOT.iterdir() if file.is_file() and file.name != ".git"]
    below = [file for folder in _FOLDERS for file in (ROOT / folder).rglob("*") if file.is_file()]
    found = (file.relative_to(ROOT) for file in at_the_top + below)
    return sorted(file for file in found if not _GENERATED & set(file.parts))


def python_files() -> list[Path]:
    """The Python files among them."""
    return [file for file in project_files() if file.suffix == ".py"]
