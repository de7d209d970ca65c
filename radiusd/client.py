"""The access point's half of an exchange, for whoever plays one: tests, benchmarks, replays, the demo."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from .ciphers import SharedSecret, decrypt_salted
from .codec import ACCESS_ACCEPT, ACCESS_REJECT, decode_reply, encode_request
from .errors import PacketError
from .model import Granted, Reply, Sendable, Subject
from .vendors import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An Access-Request as sent, and how to read its answer."""

    datagram: bytes
    dialect: Dialect
    secret: SharedSecret = field(repr=False)

    @classmethod
    def ask(
        cls,
        dialect: Dialect,
        subject: Subject,
        secret: SharedSecret,
        *,
        nas_identifier: bytes | None = None,
        identifier: int = 0,
        authenticator: bytes | None = None,
        extra: Iterable[Sendable] = (),
    ) -> "Question":
        """Return the question which key this handshake or device belongs to."""
        attributes = (*dialect.encode_request(subject, nas_identifier), *extra)
        datagram = encode_request(identifier, authenticator or os.urandom(16), attributes, secret)
        return cls(datagram=datagram, dialect=dialect, secret=secret)

    def decode(self, reply: bytes, *, unsigned: bool = False) -> Reply:
        """Return the reply, its authenticators verified; PacketError where it does not answer this.

        unsigned: take a reply without Message-Authenticator
        """
        return decode_reply(reply, self.datagram, self.secret, unsigned=unsigned)

    def read(self, reply: bytes, *, unsigned: bool = False) -> Granted | None:
        """Return what an Access-Accept grants, None for an Access-Reject; PacketError for anything else.

        unsigned: take a reply without Message-Authenticator
        """
        packet = self.decode(reply, unsigned=unsigned)
        if packet.code == ACCESS_REJECT:
            return None
        if packet.code != ACCESS_ACCEPT:
            raise PacketError(f"code {packet.code} does not answer an Access-Request")

        def decrypt(value: bytes, *, tagged: bool = True) -> bytes:
            return decrypt_salted(value, self.datagram[4:20], self.secret, tagged=tagged)

        return self.dialect.decode_accept(packet, decrypt)
