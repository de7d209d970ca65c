"""Whoever asks by the device's address and takes the passphrase in Tunnel-Password, encrypted.

Grandstream's "PPSK with RADIUS" is presumed to be this; that is unverified.
"""

from .dialect import Dialect

DIALECT = Dialect("generic")
