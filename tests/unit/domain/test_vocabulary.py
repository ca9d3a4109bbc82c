"""Every module of the domain that has events is in the vocabulary."""

from __future__ import annotations

import importlib
from pathlib import Path

from aetherius.domain import event, vocabulary
from aetherius.domain.event import Event


def test_no_module_with_events_is_missing() -> None:
    room = Path(event.__file__).parent
    files = [path.relative_to(room).with_suffix("") for path in room.rglob("*.py") if path.name != "__init__.py"]
    modules = [importlib.import_module(f"aetherius.domain.{'.'.join(file.parts)}") for file in files]
    having = {
        each.__name__
        for each in modules
        for value in vars(each).values()
        if isinstance(value, type)
        and issubclass(value, Event)
        and isinstance(value.topic, str)
        and value.topic
        and value.__module__ == each.__name__
    }
    assert having == {each.__name__ for each in vocabulary.MODULES}
