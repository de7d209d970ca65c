"""The table of all dialects, in the order in which a request that shows two of them is given to one."""

from collections.abc import Mapping
from typing import Final

from . import (
    aruba,
    cambium,
    cisco,
    eleven,
    extreme,
    fortinet,
    generic,
    hostapd,
    huawei,
    meraki,
    mikrotik,
    mist,
    omada,
    openwifi,
    ruckus,
    unifi,
    zyxel,
)
from .dialect import Dialect

# A request with two dialects in it belongs to the first one in this order: the more of a handshake a dialect's own
# attributes hold, the more specific it is, and what nobody can read comes last. Omada's say everything (both addresses
# of the access point among it), Eleven's, Meraki's and Cisco's name SSID and AA, Ruckus's need two attributes more,
# hostapd's need Called-Station-Id. Those that only look up follow.
DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect
    for dialect in (
        omada.DIALECT,
        eleven.DIALECT,
        mist.DIALECT,
        cambium.DIALECT,
        meraki.DIALECT,
        cisco.DIALECT,
        ruckus.DIALECT,
        ruckus.DIALECT_B,
        openwifi.DIALECT,
        hostapd.DIALECT,
        aruba.DIALECT,
        extreme.DIALECT,
        mikrotik.DIALECT,
        unifi.DIALECT,
        huawei.DIALECT,
        fortinet.DIALECT,
        zyxel.DIALECT,
        generic.DIALECT,
    )
}
UNMARKED: Final = hostapd.DIALECT  # of lookups that show no dialect, from a NAS without a profile
# What a NAS may be set to, and whether its access points try each of several keys.
PROFILES: Final[Mapping[str, bool]] = {
    "auto": UNMARKED.tries_several_keys,
    **{dialect.name: dialect.tries_several_keys for dialect in sorted(DIALECTS.values(), key=lambda each: each.name)},
}
