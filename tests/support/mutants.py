"""Mutation tests: changes one expression at a time, and lists the changes that no unit test notices. `make mutants`.

The library is mutmut. It changes functions only (not tables and declarations, which golden files and catalogues hold), and keeps all mutants in one import, so that a
mutant costs the few tests that run its function: some a second. Cosmic Ray changes more, but pays a new interpreter and all tests for every mutant: hours instead of minutes.

It wants plain folders where ours are links: the rooms are copied to where their links stand, into `build/mutants`, with the unit tests and the configuration.

Usage: mutants.py [--minutes N] [FILE OR FOLDER OF A ROOM...]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from project_files import ROOT

MUTATED: Final = (
    "domain/repair",
    "domain/fault",
    "domain/diagnosis",
    "domain/catalogue/command_policy.py",
    "domain/catalogue/kubectl_line.py",
    "edge_agent/commanding/policy.py",
    "edge_agent/commanding/kubectl_grammar.py",
    "edge_agent/commanding/kubectl_paths.py",
    "edge_agent/commanding/kubectl_semantics.py",
    "edge_agent/commanding/kubectl_types.py",
    "edge_agent/commanding/kubectl_values.py",
    "edge_agent/commanding/host_tools.py",
)
TESTS: Final = (
    "tests/unit/domain",
    "tests/unit/edge_agent/test_policy.py",
    "tests/unit/edge_agent/test_policy_cases.py",
    "tests/unit/edge_agent/test_refusals.py",
)
AIM: Final = 90.0
"""Percent of mutants that tests notice."""
_STAGE: Final = ROOT / "build" / "mutants"
_MUTMUT: Final = Path(sys.executable).parent / "mutmut"
_SETTINGS: Final = """

[tool.mutmut]
source_paths = ["src/aetherius"]
only_mutate = {files}
also_copy = ["tests", "docs"]
pytest_add_cli_args = ["-p", "no:xdist"]
pytest_add_cli_args_test_selection = {tests}
"""


def files(places: Iterable[str]) -> list[str]:
    """The Python files of rooms that are named, each by itself or by its folder."""
    found = [
        file
        for place in places
        for file in ([ROOT / place] if place.endswith(".py") else ROOT.glob(f"{place}/**/*.py"))
    ]
    return sorted(f"src/aetherius/{file.relative_to(ROOT)}" for file in found)


def stage(mutated: list[str]) -> None:
    """A tree without links."""
    shutil.rmtree(_STAGE, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", "integration", "acceptance")
    for folder in ("src", "tests", "docs"):
        shutil.copytree(ROOT / folder, _STAGE / folder, ignore=ignored)
    settings = _SETTINGS.format(files=json.dumps(mutated), tests=json.dumps(TESTS))
    (_STAGE / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + settings)


def run(minutes: float) -> None:
    """Try every mutant, two at a time, as long as there is time; what was not tried is told as such."""
    with (_STAGE / "mutmut.log").open("wb") as log:
        try:
            subprocess.run(
                [_MUTMUT, "run", "--max-children", "2"],
                cwd=_STAGE,
                stdout=log,
                stderr=log,
                timeout=60 * minutes,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"stopped after {minutes:g} minutes")


def fates() -> Mapping[str, str]:
    """What became of each mutant that was tried."""
    lines = _mutmut("results", "--all", "true").splitlines()
    told = dict(line.strip().rsplit(": ", 1) for line in lines if "__mutmut_" in line)
    tried = {mutant: fate for mutant, fate in told.items() if fate != "not checked"}
    if len(tried) < len(told):
        print(f"{len(told) - len(tried)} of {len(told)} were not tried")
    return tried


def change(mutant: str) -> str:
    """The lines that it takes away and puts in."""
    lines = _mutmut("show", mutant).splitlines()
    return "\n".join(f"    {line}" for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def _mutmut(*words: str) -> str:
    return subprocess.run(
        [_MUTMUT, *words], cwd=_STAGE, capture_output=True, text=True, check=False, timeout=120
    ).stdout


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("places", nargs="*", default=list(MUTATED))
    chosen = parser.parse_args()
    stage(files(chosen.places))
    run(chosen.minutes)
    told = fates()
    if not told:
        print((_STAGE / "mutmut.log").read_text()[-3000:])
        return 1
    for mutant in (name for name, fate in told.items() if fate != "killed"):
        print(f"{mutant}: {told[mutant]}\n{change(mutant)}")
    return report(told)


def report(told: Mapping[str, str]) -> int:
    """Print how many were noticed, by module; whether that is too few."""
    by_module: dict[str, list[bool]] = defaultdict(list)
    for mutant, fate in told.items():
        by_module[mutant.split(".x", 1)[0].removeprefix("aetherius.")].append(fate == "killed")
    for module, killed in sorted(by_module.items()):
        print(f"{100 * sum(killed) / len(killed):5.1f} % of {len(killed):4}  {module}")
    percent = 100 * sum(fate == "killed" for fate in told.values()) / len(told)
    print(f"{percent:5.1f} % of {len(told):4}  in all; the aim is {AIM:g} %")
    return int(percent < AIM)


if __name__ == "__main__":
    sys.exit(main())
