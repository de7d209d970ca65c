"""Datagrams by the batch: one system call takes in what has come, one sends the answers (recvmmsg, sendmmsg; Linux).

Each reply leaves from the address that was asked: what the kernel says of a datagram (IP_PKTINFO of ip(7), IPV6_PKTINFO
of RFC 3542 6.1) is given back with its reply, but for the interface, which routing chooses.
"""

import ctypes
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..datagram import is_local_reported
from ..fastpath.batch import LONGEST, Batch

_MSG_DONTWAIT: Final = 0x40
_CONTROL: Final = 40  # octets of one control message: struct cmsghdr, and struct in6_pktinfo or the shorter in_pktinfo
_AF_INET: Final = int(socket.AF_INET)


class _Layout(NamedTuple):
    """What is the same for all datagrams of a socket, and where a control message has interface and our address.

    The lengths are what the kernel writes into each header, and wants there the next time: they are never set again.
    """

    address_length: int
    control_length: int
    interface: slice
    local: slice


_LAYOUTS: Final = {
    4: _Layout(16, 32, slice(16, 20), slice(20, 24)),  # struct in_pktinfo: ipi_ifindex, ipi_spec_dst, ipi_addr
    6: _Layout(28, 40, slice(32, 36), slice(16, 32)),  # struct in6_pktinfo: ipi6_addr, ipi6_ifindex
}


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


def is_available() -> bool:
    """Return whether this system has the calls, with the structures below: those of the BSDs are laid out otherwise."""
    return sys.platform == "linux" and all(hasattr(ctypes.CDLL(None), name) for name in ("recvmmsg", "sendmmsg"))


@cache
def _libc() -> tuple[Any, Any]:
    # PyDLL: these return at once, and to hand the interpreter over for so short a time costs more than it gives.
    libc = ctypes.PyDLL(None, use_errno=True)
    return libc.recvmmsg, libc.sendmmsg


class BatchSocket:
    """A UDP socket, read and written through the arrays of a batch that sockets may share."""

    def __init__(self, one: socket.socket, batch: Batch) -> None:
        self.socket = one
        self._batch = batch
        self._receive, self._send = _libc()
        self._layout = _LAYOUTS[4 if one.family == _AF_INET else 6]
        self._control: npt.NDArray[np.uint8] = np.zeros((batch.size, _CONTROL), np.uint8)
        self._arriving, arriving_pieces = self._headers(batch.packets)
        self._leaving, leaving_pieces = self._headers(batch.replies)
        self._lengths = _column(self._arriving, "length")
        self._reply_lengths = _column(leaving_pieces, "length")
        self._kept = arriving_pieces, leaving_pieces  # which the headers point to

    def _headers(self, rows: npt.NDArray[np.uint8]) -> tuple["ctypes.Array[_Header]", "ctypes.Array[_Iovec]"]:
        size, addresses, layout = self._batch.size, self._batch.addresses, self._layout
        control = layout.control_length if is_local_reported(self.socket) else 0
        pieces = (_Iovec * size)()
        headers = (_Header * size)()
        for number in range(size):
            pieces[number].base, pieces[number].length = rows[number].ctypes.data, LONGEST
            headers[number].pieces, headers[number].piece_count = ctypes.pointer(pieces[number]), 1
            headers[number].name, headers[number].name_length = addresses[number].ctypes.data, layout.address_length
            headers[number].control, headers[number].control_length = self._control[number].ctypes.data, control
        return headers, pieces

    def receive(self) -> int:
        """Take in what has come, as much as there is room for; return how many datagrams. OSError where that fails."""
        count = int(self._receive(self.socket.fileno(), self._arriving, self._batch.size, _MSG_DONTWAIT, None))
        if count < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        batch, layout, control = self._batch, self._layout, self._control[:count]
        batch.lengths[:count] = self._lengths[:count]
        control[:, layout.interface] = 0
        if batch.address_length != layout.address_length:
            batch.change_addresses(layout.address_length)
        batch.locals[:count, : layout.local.stop - layout.local.start] = control[:, layout.local]
        return count

    def send(self, lengths: Sequence[int]) -> Iterator[tuple[int, OSError]]:
        """Send the reply in each row to where the packet in it came from; yield what could not be sent.

        lengths: of the replies; 0: none in this row
        """
        count = len(lengths)
        self._reply_lengths[:count] = lengths
        row = 0
        while row < count:
            if not lengths[row]:
                row += 1
                continue
            end = row + 1
            while end < count and lengths[end]:
                end += 1
            first = ctypes.byref(self._leaving, row * ctypes.sizeof(_Header))
            sent = self._send(self.socket.fileno(), first, end - row, _MSG_DONTWAIT)
            if sent < 0:
                error = ctypes.get_errno()
                yield row, OSError(error, os.strerror(error))
                sent = 1
            row += sent


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
