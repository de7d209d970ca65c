"""Ubiquiti UniFi: hostapd underneath, asking by the device's address (in the format its SSID is set to).

The key goes back in Tunnel-Password and, under its opaque name, in Tunnel-Password-Entry (41112/5): a UniFi that knows
the latter tells in accounting, as Station-Keyid (41112/6), which key was used. Several keys may be offered, each in an
entry of its own. The layout is FreeRADIUS's dictionary.ubnt, which somebody read off a UAP-AC-Pro 6.2.44. Its rate
limits (41112/1 to 4) are left out, since their unit is unverified.
"""

from ..errors import DialectError
from ..model import Accept, Granted, Nested, Offer, Reply, Request, Sendable, session_key_name
from .dialect import Dialect
from .reply import Decrypt, granted, parse_tunnel_passwords, shared_accept, shared_offer, tunnel_password
from .tlv import Tlvs

TUNNEL_PASSWORD_ENTRY, STATION_KEY_ID = (26, 41112, 5), (26, 41112, 6)
_PASSWORD, _KEY_ID = 2, 3


class Unifi(Dialect):
    """Asks by address; takes named keys, and says in accounting which one it used."""

    tries_several_keys = True

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return the key for every UniFi, and named for those that can tell it apart."""
        passphrase = accept.key.passphrase.value
        return tunnel_password(passphrase), _entry(passphrase, accept.session_key_name), *shared_accept(accept)

    def encode_offer(self, offer: Offer) -> tuple[Sendable, ...]:
        """Return each key, named, and nothing else: without its name nobody could learn which one was used."""
        entries = (_entry(key.passphrase.value, session_key_name(key)) for key in offer.keys)
        return *entries, *shared_offer(offer)

    def decode_session_key_name(self, accounting: Request, decrypt: Decrypt) -> bytes | None:
        """Return the name of the key that a session uses, as the Accept gave it; None where the device does not say.

        Raises DialectError, and PacketError where the value was not encrypted with this secret.
        """
        value = accounting.first(STATION_KEY_ID)
        if value is None:
            return None
        name = decrypt(value, tagged=False)
        if not 1 <= len(name) <= 31:
            raise DialectError(f"Station-Keyid of {len(name)} octets, 1 to 31 are allowed")
        return name

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> Granted:
        """Return the named keys; where there is none, those of Tunnel-Password."""
        entries = [Tlvs(TUNNEL_PASSWORD_ENTRY, value) for value in reply.every(TUNNEL_PASSWORD_ENTRY)]
        named = tuple(decrypt(entry.need(_PASSWORD, "password"), tagged=False) for entry in entries)
        return granted(
            reply,
            passphrases=named or parse_tunnel_passwords(reply, decrypt),
            session_key_names=tuple(decrypt(entry.need(_KEY_ID, "key id"), tagged=False) for entry in entries),
        )


def _entry(passphrase: bytes, name: bytes) -> Nested:
    return Nested(TUNNEL_PASSWORD_ENTRY, ((_PASSWORD, passphrase), (_KEY_ID, name)))


DIALECT = Unifi("unifi")
