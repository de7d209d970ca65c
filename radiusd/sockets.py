"""Sockets bound to addresses."""

import contextlib
import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from .addresses import Address, render_address
from .datagram import report_local_addresses
from .errors import ServeError

_SO_RCVBUFFORCE = 33


def bind(address: Address, *, receive_buffer: int, shared: bool = False) -> socket.socket:
    """Return a UDP socket bound to the address; ServeError where that cannot be.

    shared: others of this user may be bound to it as well, and the kernel gives each a share of the access points
    """
    host, port = address
    name = render_address(address)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServeError(f"cannot listen on {name}: {error.strerror}") from error
    try:
        bound.setblocking(False)
        # A socket that is bound to one address replies from it anyway.
        if ip_address(str(place[0]).partition("%")[0]).is_unspecified:
            report_local_addresses(bound)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if bound.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < receive_buffer:
            with contextlib.suppress(OSError):  # past the system's limit, where we may (CAP_NET_ADMIN)
                bound.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, receive_buffer)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(place)
    except OSError as error:
        bound.close()
        raise ServeError(f"cannot listen on {name}: {error.strerror}") from error
    return bound


@contextlib.contextmanager
def bound(addresses: Iterable[Address], *, receive_buffer: int) -> Iterator[tuple[socket.socket, ...]]:
    """Give a socket for each address, in their order, and close them; ServeError where one cannot be bound."""
    with contextlib.ExitStack() as stack:
        yield tuple(stack.enter_context(bind(each, receive_buffer=receive_buffer)) for each in addresses)


def bind_shared(address: Address, count: int, *, receive_buffer: int) -> list[socket.socket]:
    """Return `count` sockets bound to one address; ServeError where another program has it.

    That other could be a server of the same user that shares as well, so the first is bound alone to find out.
    """
    with bind(address, receive_buffer=receive_buffer) as alone:
        address = alone.getsockname()[:2]  # of port 0, the one that the kernel chose
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(bind(address, receive_buffer=receive_buffer, shared=True)) for _ in range(count)]
        stack.pop_all()
        return made
