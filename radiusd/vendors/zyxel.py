"""Zyxel Nebula: the device's address as name and password asks, Tunnel-Password answers.

Source: https://community.zyxel.com/en/discussion/25383.
"""

from . import generic
from .dialect import Dialect

DIALECT = Dialect(
    name="zyxel",
    decode_request=generic.decode_request,
    encode_accept=generic.encode_accept,
    encode_request=generic.encode_request,
    decode_accept=generic.decode_accept,
)
