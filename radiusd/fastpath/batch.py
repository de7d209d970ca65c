"""Room for a batch of datagrams: arrays that compiled code reads, whoever filled them.

# Rule: the arrays belong to one thread, and their rows to one batch: what is to be kept is copied out.
"""

import socket
import sys
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from ..datagram import pack_local, render_local
from ..model import Source
from .tables import ADDRESS, LOCAL

LONGEST: Final = 4096  # RFC 2865 section 3; a longer datagram is cut, and what is cut off is beyond any Length field


class Batch:
    """Datagrams as they came, where from and where to, and a reply to each.

    packets, replies: uint8, shape (size, 4096); lengths: int64, of the packets
    addresses: uint8, shape (size, ADDRESS): the sockaddr each came from, zeros behind that of an IPv4 address
    locals:    uint8, shape (size, LOCAL): the address of ours it was sent to, zeros behind an IPv4 address; all zeros
               where the system does not say
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.packets: npt.NDArray[np.uint8] = np.zeros((size, LONGEST), np.uint8)
        self.lengths: npt.NDArray[np.int64] = np.zeros(size, np.int64)
        self.addresses: npt.NDArray[np.uint8] = np.zeros((size, ADDRESS), np.uint8)
        self.locals: npt.NDArray[np.uint8] = np.zeros((size, LOCAL), np.uint8)
        self.replies: npt.NDArray[np.uint8] = np.zeros((size, LONGEST), np.uint8)
        self.address_length = ADDRESS

    def change_addresses(self, length: int) -> None:
        """Have sockaddrs of this length in all rows from now on, as another socket's."""
        self.address_length = length
        self.addresses[:, length:], self.locals[:] = 0, 0

    def put(self, row: int, datagram: bytes, source: Source) -> None:
        """Have a datagram arrive."""
        datagram = datagram[:LONGEST]
        self.packets[row, : len(datagram)] = np.frombuffer(datagram, np.uint8)
        self.lengths[row] = len(datagram)
        self.addresses[row], self.locals[row] = pack_source(source)

    def packet(self, row: int) -> bytes:
        """Return a datagram."""
        return self.packets[row, : self.lengths[row]].tobytes()

    def source(self, row: int, number: int) -> Source:
        """Return where a datagram came from, on the socket of this number."""
        return _unpack_source(self.addresses[row].tobytes(), self.locals[row].tobytes(), number)

    def reply(self, row: int, octets: bytes) -> int:
        """Write the reply to the packet in a row; return its length."""
        self.replies[row, : len(octets)] = np.frombuffer(octets, np.uint8)
        return len(octets)


@lru_cache(maxsize=16_384)
def pack_source(source: Source) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return a source as a row of `addresses` and one of `locals` have it. They are shared: write to neither."""
    port = source.port.to_bytes(2)
    if ":" not in source.address:
        octets = socket.inet_pton(socket.AF_INET, source.address)
        address = socket.AF_INET.to_bytes(2, sys.byteorder) + port + octets
    else:
        text, _, scope = source.address.partition("%")
        number = socket.if_nametoindex(scope) if scope else 0
        octets = bytes(4) + socket.inet_pton(socket.AF_INET6, text) + number.to_bytes(4, sys.byteorder)
        address = socket.AF_INET6.to_bytes(2, sys.byteorder) + port + octets
    return _row(address, ADDRESS), _row(pack_local(source.local), LOCAL)


def _row(octets: bytes, length: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(bytearray(octets.ljust(length, b"\0")), np.uint8)


@lru_cache(maxsize=16_384)
def _unpack_source(address: bytes, local: bytes, number: int) -> Source:
    family = int.from_bytes(address[:2], sys.byteorder)
    port = int.from_bytes(address[2:4])
    if family == socket.AF_INET:
        return Source(socket.inet_ntop(family, address[4:8]), port, number, render_local(local[:4]))
    scope = int.from_bytes(address[24:28], sys.byteorder)
    text = socket.inet_ntop(socket.AF_INET6, address[8:24])
    return Source(f"{text}%{socket.if_indextoname(scope)}" if scope else text, port, number, render_local(local))
