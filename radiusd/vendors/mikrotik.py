"""MikroTik, `wifi` package and CAPsMAN: the device's address asks, often with an empty password; the passphrase goes
back in clear in Mikrotik-Wireless-PSK (14988/16), so that this needs a protected network.

VLAN and bandwidth in its own attributes. That Mikrotik-Rate-Limit is honoured on wireless is unverified.
"""

from ..model import Accept, Attribute, Granted, Rates, Reply, Sendable, Subject
from .dialect import Dialect
from .reply import Decrypt, granted, name_and_end
from .station import encode_station, station_address

RATE_LIMIT, PSK, VLAN_ID, VLAN_ID_TYPE = ((26, 14988, kind) for kind in (8, 16, 26, 27))
_8021Q = bytes(4)


class Mikrotik(Dialect):
    """Asks by address; takes its own attributes."""

    answers_in_clear = True
    sends_empty_password = True

    def encode_station(self, subject: Subject, nas_identifier: bytes | None) -> tuple[Sendable, ...]:
        """Return what CAPsMAN asks: the address in upper case with colons, and no password."""
        name = station_address(subject).value.hex(":").upper().encode()
        return encode_station(subject, nas_identifier, name=name, password=b"")

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return the passphrase in clear, VLAN, and the plan's rates."""
        key = accept.key
        attributes: tuple[Sendable, ...] = (Attribute(PSK, key.passphrase.value),)
        if key.effective_vlan is not None:
            attributes += (Attribute(VLAN_ID, key.effective_vlan.to_bytes(4)), Attribute(VLAN_ID_TYPE, _8021Q))
        down, up = accept.rates
        if down is not None or up is not None:
            # rx/tx as the router sees them: upload first. 0 is no limit in the queue that RouterOS makes of it.
            attributes += (Attribute(RATE_LIMIT, b"%s/%s" % (_render_rate(up), _render_rate(down))),)
        return *attributes, *name_and_end(accept)

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> Granted:  # noqa: ARG002 (nothing is encrypted)
        """Return passphrase, VLAN and rates."""
        vlan, limit = reply.first(VLAN_ID), reply.first(RATE_LIMIT)
        up, _, down = (limit or b"").partition(b"/")
        return granted(
            reply,
            passphrases=tuple(reply.every(PSK)),
            vlan=None if vlan is None else int.from_bytes(vlan),
            rates=Rates(download_kbps=_parse_rate(down), upload_kbps=_parse_rate(up)),
        )


def _render_rate(kbps: int | None) -> bytes:
    if kbps is None:
        return b"0"
    return b"%dM" % (kbps // 1000) if kbps % 1000 == 0 else b"%dk" % kbps


def _parse_rate(text: bytes) -> int | None:
    digits, thousands = (text[:-1], 1000) if text.endswith(b"M") else (text.removesuffix(b"k"), 1)
    return int(digits) * thousands or None if digits.isdigit() else None


DIALECT = Mikrotik("mikrotik")
