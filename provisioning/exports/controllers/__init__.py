"""Files of keys for access points, controllers and other servers: one module for each, which states its source.

Each takes the keys that may be used now (`living`) and yields lines, and beside them the keys that its file cannot
hold: those are left out by name, and nothing of a key is altered to make it fit. None of these files can hold when a
key begins or ends, so suspended, expired and future keys are never in one.

A new format is a module and its line in `FORMATS`. What no document of its vendor states is in `UNDOCUMENTED`.
"""

from typing import Final

from . import hostapd, rlm_dpsk, sae_passwords
from .format import ControllerFormat, LeftOut, LivingKey, Remark
from .living import living_keys
from .undocumented import UNDOCUMENTED

FORMATS: Final = {
    each.name: each
    for each in (
        hostapd.FORMAT,
        sae_passwords.FORMAT,
        rlm_dpsk.FORMAT,
    )
}

__all__ = ["FORMATS", "UNDOCUMENTED", "ControllerFormat", "LeftOut", "LivingKey", "Remark", "living_keys"]
