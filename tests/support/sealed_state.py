"""The state's keys that tests share: whoever stores or shows command output is given them."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from aetherius.domain.keyring import Keyring
from aetherius.event_store.sealing import Sealing

KEYS_TEXT: Final = f"test:{b64encode(bytes(range(32))).decode()}"
"""As `AETHERIUS_STATE_KEYS` has them."""
KEYS: Final = Keyring(dict([KEYS_TEXT.split(":")]))
SEALING: Final = Sealing(KEYS)
