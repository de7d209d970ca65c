"""Juniper Mist: asks as Eleven does (52970/3) or by the device's address, and takes the key in Cisco's AVPairs, in
clear: this needs a protected network. Source: PacketFence Juniper/MistAP.pm (AP firmware 0.14). That `psk-mode=hex`
works here, for a raw PMK, is unverified.
"""

from . import eleven

DIALECT = eleven.Eleven("mist", variant_of=eleven.DIALECT)
