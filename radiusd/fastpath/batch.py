"""Datagrams by the batch: one system call takes in what has come, one sends the answers (recvmmsg, sendmmsg).

# Rule: the arrays belong to one thread, and their rows to one batch: what is to be kept is copied out.
"""

import ctypes
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from ..model import Source

LONGEST: Final = 4096  # RFC 2865 section 3; a longer datagram is cut, and what is cut off is beyond any Length field
_ADDRESS: Final = 28  # struct sockaddr_in6
_MSG_DONTWAIT: Final = 0x40


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):  # struct msghdr
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("pieces", ctypes.POINTER(_Iovec)),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Header(ctypes.Structure):  # struct mmsghdr
    _anonymous_ = ("message",)
    _fields_ = (("message", _Message), ("length", ctypes.c_uint))


# PyDLL: these return at once, and to hand the interpreter over for so short a time costs more than it gives.
_libc = ctypes.PyDLL(None, use_errno=True)
_recvmmsg, _sendmmsg = _libc.recvmmsg, _libc.sendmmsg


class Batch:
    """Room for a batch: packets as they came, whose they are, and a reply to each."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.packets: npt.NDArray[np.uint8] = np.zeros((size, LONGEST), np.uint8)
        self.addresses: npt.NDArray[np.uint8] = np.zeros((size, _ADDRESS), np.uint8)
        self.replies: npt.NDArray[np.uint8] = np.zeros((size, LONGEST), np.uint8)
        self._arriving, _ = self._headers(self.packets)
        self._leaving, pieces = self._headers(self.replies)
        self.lengths = _column(self._arriving, "length")
        self._name_lengths = _column(self._arriving, "name_length")
        self._reply_name_lengths = _column(self._leaving, "name_length")
        self._reply_lengths = _column(pieces, "length")
        self._kept = pieces  # which the headers point to

    def _headers(self, rows: npt.NDArray[np.uint8]) -> tuple["ctypes.Array[_Header]", "ctypes.Array[_Iovec]"]:
        pieces = (_Iovec * self.size)()
        headers = (_Header * self.size)()
        for number in range(self.size):
            pieces[number].base, pieces[number].length = rows[number].ctypes.data, LONGEST
            headers[number].pieces, headers[number].piece_count = ctypes.pointer(pieces[number]), 1
            headers[number].name, headers[number].name_length = self.addresses[number].ctypes.data, _ADDRESS
        return headers, pieces

    def receive(self, one: socket.socket) -> int:
        """Take in what has come, as much as there is room for; return how many datagrams. OSError where that fails."""
        self._name_lengths[:] = _ADDRESS
        count = _recvmmsg(one.fileno(), self._arriving, self.size, _MSG_DONTWAIT, None)
        if count < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return int(count)

    def send(self, one: socket.socket, lengths: Sequence[int]) -> Iterator[tuple[int, OSError]]:
        """Send the reply in each row to where the packet in it came from; yield what could not be sent.

        lengths: of the replies; 0: none in this row
        """
        count = len(lengths)
        self._reply_lengths[:count] = lengths
        self._reply_name_lengths[:count] = self._name_lengths[:count]
        row = 0
        while row < count:
            if not lengths[row]:
                row += 1
                continue
            end = row + 1
            while end < count and lengths[end]:
                end += 1
            first = ctypes.byref(self._leaving, row * ctypes.sizeof(_Header))
            sent = _sendmmsg(one.fileno(), first, end - row, _MSG_DONTWAIT)
            if sent < 0:
                error = ctypes.get_errno()
                yield row, OSError(error, os.strerror(error))
                sent = 1
            row += sent

    def reply(self, row: int, octets: bytes) -> int:
        """Write the reply to the packet in a row; return its length."""
        self.replies[row, : len(octets)] = np.frombuffer(octets, np.uint8)
        return len(octets)

    def put(self, row: int, datagram: bytes, source: Source) -> None:
        """Have a datagram arrive."""
        address, datagram = pack_source(source), datagram[:LONGEST]
        self.packets[row, : len(datagram)] = np.frombuffer(datagram, np.uint8)
        self.lengths[row], self._name_lengths[row] = len(datagram), len(address)
        self.addresses[row] = np.frombuffer(address.ljust(_ADDRESS, b"\0"), np.uint8)

    def packet(self, row: int) -> bytes:
        """Return a datagram."""
        return self.packets[row, : self.lengths[row]].tobytes()

    def source(self, row: int, number: int) -> Source:
        """Return where a datagram came from, on the socket of this number."""
        return _source(self.addresses[row, : self._name_lengths[row]].tobytes(), number)


def _column(array: "ctypes.Array[_Header] | ctypes.Array[_Iovec]", name: str) -> npt.NDArray[np.uint64]:
    """Return one field of all structures, as an array over the same memory."""
    kind = array._type_
    field = getattr(kind, name)
    octets = np.frombuffer(memoryview(array), np.uint8)
    dtype = np.dtype(f"u{field.size}")
    column: npt.NDArray[np.uint64] = np.ndarray(
        (len(array),), dtype, octets, offset=field.offset, strides=(ctypes.sizeof(kind),)
    )
    return column


def pack_source(source: Source) -> bytes:
    """Return the sockaddr of a source."""
    port = source.port.to_bytes(2)
    if ":" not in source.address:
        octets = socket.inet_pton(socket.AF_INET, source.address)
        return socket.AF_INET.to_bytes(2, sys.byteorder) + port + octets + bytes(8)
    text, _, scope = source.address.partition("%")
    number = socket.if_nametoindex(scope) if scope else 0
    octets = bytes(4) + socket.inet_pton(socket.AF_INET6, text) + number.to_bytes(4, sys.byteorder)
    return socket.AF_INET6.to_bytes(2, sys.byteorder) + port + octets


@lru_cache(maxsize=16_384)
def _source(address: bytes, number: int) -> Source:
    family = int.from_bytes(address[:2], sys.byteorder)
    port = int.from_bytes(address[2:4])
    if family == socket.AF_INET:
        return Source(socket.inet_ntop(family, address[4:8]), port, number)
    scope = int.from_bytes(address[24:28], sys.byteorder)
    text = socket.inet_ntop(socket.AF_INET6, address[8:24])
    return Source(f"{text}%{socket.if_indextoname(scope)}" if scope else text, port, number)
