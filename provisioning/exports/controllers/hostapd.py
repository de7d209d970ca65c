"""hostapd's `wpa_psk_file`, for WPA2: `keyid=17 vlanid=7 00:00:00:00:00:00 passphrase`.

Sources: hostapd.conf and hostapd.wpa_psk of hostapd 2.10 ("List of WPA PSKs. Each line ... must contain a MAC address
and PSK separated with a space"), and its reader, hostapd_config_read_wpa_psk() of src/ap/ap_config.c: what follows the
blank behind the address is the passphrase as it is, with blanks; a line has at most 126 octets, a keyid 31; of
64 hex digits it takes the PMK.

The keyid is the number of the key: one word, and of one key alone. A device is let in by the line 00:00:00:00:00:00 of
its key, whichever it is. Registered devices have a line more: hostapd tries the last line first, so that it finds them
without trying every key.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from crypto import MacAddress

from .format import ControllerFormat, LeftOut, LivingKey, Remark

_ANY: Final = MacAddress(bytes(6))


def render(keys: Iterable[LivingKey]) -> Iterator[str | LeftOut | Remark]:
    """Yield the lines of any device, then those of one."""
    bound: list[str] = []
    vlans = False
    for key in keys:
        vlans = vlans or key.vlan is not None
        if key.only is None:
            yield _line(key, _ANY)
        only = [device.mac for device in key.devices if device.registered] if key.only is None else key.only
        bound += [_line(key, mac) for mac in only]
    yield from bound
    if vlans:
        yield Remark("hostapd needs dynamic_vlan=1 for vlanid=")


def _line(key: LivingKey, mac: MacAddress) -> str:
    vlan = "" if key.vlan is None else f"vlanid={key.vlan} "
    return f"keyid={key.id} {vlan}{mac} {key.text}\n"


FORMAT: Final = ControllerFormat(name="hostapd", purpose="hostapd's wpa_psk_file", render=render)
