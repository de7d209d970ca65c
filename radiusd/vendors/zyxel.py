"""Zyxel Nebula: the device's address as name and password asks, Tunnel-Password answers.

Source: https://community.zyxel.com/en/discussion/25383.
"""

from .dialect import Dialect

DIALECT = Dialect("zyxel")
