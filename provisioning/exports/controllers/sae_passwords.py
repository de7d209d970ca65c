"""hostapd's `sae_password_file`, for WPA3: `passphrase|mac=02:00:00:00:01:00|vlanid=7` or `passphrase|vlanid=7|id=17`.

Sources: hostapd.conf of hostapd 2.11, which has the file ("each line contains an entry in the same format as
sae_password uses": `<password/credential>[|mac=<peer mac>][|vlanid=<VLAN ID>][|pk=...][|id=<identifier>]`), and its
reader, parse_sae_password() of hostapd/config_file.c: an option begins where its name is found first, be it within the
password; a line has at most 498 octets; no line is a comment. hostapd 2.10 takes the same entries one by one, as lines
`sae_password=` of hostapd.conf.

With SAE an access point cannot try many passphrases on one attempt (IEEE Std 802.11-2024, 12.4): hostapd takes the last
line of the station's address, for a station that sends a password identifier the last line of that identifier. So a
key has a line for each device that is known with it, without an identifier, as phones send none; and one for any
device that sends the number of the key as its identifier (wpa_supplicant: sae_password_id="17"). The number, since an
identifier is sent in clear.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from crypto import MacAddress

from ...model import Device
from .format import ControllerFormat, LeftOut, LivingKey, Remark

_OPTIONS: Final = ("|mac=", "|vlanid=", "|pk=", "|id=")


def render(keys: Iterable[LivingKey]) -> Iterator[str | LeftOut | Remark]:
    """Yield the line of each key's identifier, then one for each device: that of the key that it comes with.

    A former passphrase is not in it: an access point could not tell which of the two a device comes with.
    """
    lines: dict[MacAddress, tuple[tuple[bool, int], str]] = {}  # with the rank of its key
    strangers = 0
    vlans = False
    for key in keys:
        if key.former:
            continue
        reason = _unfit(key)
        if reason is not None:
            yield LeftOut(key.id, key.identity, reason)
            continue
        vlan = "" if key.vlan is None else f"|vlanid={key.vlan}"
        vlans = vlans or bool(vlan)
        if key.only is None:
            yield f"{key.text}{vlan}|id={key.id}\n"
        known = {device.mac: device for device in key.devices}
        macs = list(known) if key.only is None else key.only
        strangers += key.only is None and not macs
        for mac in macs:
            rank = _rank(known.get(mac))
            if mac not in lines or rank > lines[mac][0]:
                lines[mac] = (rank, f"{key.text}|mac={mac}{vlan}\n")
    for _, line in lines.values():
        yield line
    if strangers:
        what = "key has" if strangers == 1 else "keys have"
        yield Remark(f"{strangers:,} {what} no known device: one gets in only with the key's number as SAE identifier")
    if vlans:
        yield Remark("hostapd needs dynamic_vlan=1 for vlanid=")


def _unfit(key: LivingKey) -> str | None:
    """Return why a key cannot be in the file."""
    if key.is_pmk:
        return "it is a PMK, and SAE needs the passphrase"
    if any(option in key.text for option in _OPTIONS):
        return f"hostapd would take a part of its passphrase for an option ({', '.join(_OPTIONS)})"
    return None


def _rank(device: Device | None) -> tuple[bool, int]:
    """Return what is highest for the key that a device comes with: the one that it is registered with, else the one
    that it has shown last.
    """
    return (False, -1) if device is None else (device.registered, device.sequence)


FORMAT: Final = ControllerFormat(name="sae-passwords", purpose="hostapd's sae_password_file (2.11)", render=render)
