"""Words that the log keeps and whose set is open: a fault in a file of its own brings new ones, and an older program reads them all the same."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

Symptom = Annotated[str, msgspec.Meta(examples=["crash_loop"])]
"""How a fault shows, before anyone knows its cause (`Fault.symptom`)."""
CauseCode = Annotated[str, msgspec.Meta(examples=["OOM"])]
"""Short code of a root cause, as workflows' conditions compare it (`Fault.causes`), or `unknown`."""
UNKNOWN: Final = "unknown"
"""The cause that nobody can say."""
