"""Access points that ask by the device's address and take the passphrase in Tunnel-Password, encrypted: Fortinet (from
FortiOS 7.0.2, which caches the answer, a day by default), Zyxel Nebula, and whoever else does as hostapd does.
"""

from . import hostapd
from .dialect import Dialect, decode_lookup, encode_station


def _dialect(name: str) -> Dialect:
    return Dialect(
        name=name,
        markers=(),
        decode_request=decode_lookup,
        encode_accept=hostapd.encode_accept,
        encode_request=encode_station,
        decode_accept=hostapd.decode_accept,
    )


DIALECT = _dialect("generic")
FORTINET = _dialect("fortinet")
ZYXEL = _dialect("zyxel")
