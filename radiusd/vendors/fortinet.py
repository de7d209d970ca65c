"""Fortinet (FortiOS 7.0.2 and later, `radius-mac-mpsk-auth`): the device's address asks, Tunnel-Password answers.

A FortiGate keeps the answer for a day unless told otherwise (1800 to 864000 s): a key that is removed works on until
then. Its `mpsk-external-server`, a search, has unpublished attributes.
"""

from .dialect import Dialect

DIALECT = Dialect("fortinet")
