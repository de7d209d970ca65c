"""Whoever asks by the device's address and takes the passphrase in Tunnel-Password, encrypted.

Grandstream's "PPSK with RADIUS" is presumed to be this; that is unverified.
"""

from . import hostapd
from .dialect import Dialect, decode_lookup, encode_station

decode_request, encode_accept = decode_lookup, hostapd.encode_accept
encode_request, decode_accept = encode_station, hostapd.decode_accept

DIALECT = Dialect(
    name="generic",
    decode_request=decode_request,
    encode_accept=encode_accept,
    encode_request=encode_request,
    decode_accept=decode_accept,
)
