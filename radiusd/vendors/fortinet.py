"""Fortinet (FortiOS 7.0.2 and later, `radius-mac-mpsk-auth`): the device's address asks, Tunnel-Password answers.

A FortiGate keeps the answer for a day unless told otherwise (1800 to 864000 s): a key that is removed works on until
then. Its `mpsk-external-server`, a search, has unpublished attributes.
"""

from . import generic
from .dialect import Dialect

DIALECT = Dialect(
    name="fortinet",
    decode_request=generic.decode_request,
    encode_accept=generic.encode_accept,
    encode_request=generic.encode_request,
    decode_accept=generic.decode_accept,
)
