"""The file of FreeRADIUS's rlm_dpsk: `identity,psk[,mac[,vlanid]]`, as its own reader takes it apart.

Sources: raddb/mods-available/dpsk of FreeRADIUS 3.2.11 ("The VLAN field may be present even when the MAC field is
empty"), and the reader, mod_authenticate() of rlm_dpsk.c with getstring() of src/lib/token.c. A field ends at a comma
or a blank unless it is quoted; within quotes a backslash escapes, and none is doubled; what begins with a quote or an
apostrophe is quoted. A line that cannot be read ends the search for everybody: nothing of a file may be in doubt.

A row with an address is for that device alone, and a device that has such a row gets in with no row behind it. So rows
have one only where no other device may use the key, and come last; registered devices are in none. What is 64 hex
digits rlm_dpsk takes for a passphrase and not for the PMK.

`key import` reads what is written here as the same keys, rows aside that need a backslash.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from crypto import MacAddress

from .format import ControllerFormat, LeftOut, LivingKey, Remark

# ASCII without blank, comma and semicolon, which leaves open for `key import` what separates the cells.
_BARE: Final = re.compile(r"""(?!["'`])[!-+\--:<-~]+""").fullmatch


def render(keys: Iterable[LivingKey]) -> Iterator[str | LeftOut | Remark]:
    """Yield the rows of any device, then those of one."""
    bound: dict[MacAddress, str] = {}
    vlans = False
    for key in keys:
        if key.is_pmk:
            yield LeftOut(key.id, key.identity, "it is a PMK, and rlm_dpsk would take it for a passphrase")
            continue
        vlans = vlans or key.vlan is not None
        if key.only is None:
            yield _row(key, "")
            continue
        taken = [mac for mac in key.only if mac in bound]
        if taken:
            reason = f"rlm_dpsk reads one row for a device, and {taken[0]} has another key's"
            yield LeftOut(key.id, key.identity, reason)
            continue
        bound.update((mac, _row(key, mac.value.hex())) for mac in key.only)
    yield from bound.values()
    if vlans:
        yield Remark("FreeRADIUS before 3.2.11 cannot read rows with a VLAN, nor any after the first of them")


def _row(key: LivingKey, mac: str) -> str:
    cells = [_quote(key.identity), _quote(key.text)]
    if mac or key.vlan is not None:
        cells.append(mac)
    if key.vlan is not None:
        cells.append(str(key.vlan))
    return ",".join(cells) + "\n"


def _quote(text: str) -> str:
    if _BARE(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


FORMAT: Final = ControllerFormat(
    name="rlm_dpsk", purpose="FreeRADIUS's rlm_dpsk (3.2.11 where keys have VLANs)", render=render
)
