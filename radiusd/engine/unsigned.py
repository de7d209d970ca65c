"""Requests without Message-Authenticator (CVE-2024-3596): which of them are answered, and what they may change.

Whoever is on the way can send such a request in a NAS's name, with any attributes. What shows that it comes from
somebody with the secret is its one encrypted attribute, User-Password: the address of the device that is asked about,
or nothing with the vendors that send it so. Whoever has recorded one and knows the address has the octets that encrypt
any other under that Request Authenticator, so an authenticator proves the first request that it came with, and its
repetitions. Where access points send no password, the request is answered if the answer is encrypted (or the operator
has named the dialect), but nothing is learned from it.
"""

from crypto import CryptoError, MacAddress
from provisioning import Nas

from ..ciphers import SharedSecret, decrypt_hidden
from ..codec import STATUS_SERVER
from ..errors import AuthenticityError, DialectError, UnsignedError
from ..model import Request
from ..state.proofs import Proofs
from ..vendors import Dialect, device_address, station_address

_USER_NAME, _USER_PASSWORD, _PROXY_STATE = 1, 2, 33


def check_unsigned(request: Request, nas: Nas) -> None:
    """Raise UnsignedError where this NAS must sign such a request (RFC 5997 section 3 for Status-Server)."""
    if request.code == STATUS_SERVER:
        raise UnsignedError("Status-Server without Message-Authenticator")
    if nas.require_message_authenticator:
        raise UnsignedError("no Message-Authenticator, and this NAS must send one")
    if request.first(_PROXY_STATE) is not None:
        raise UnsignedError("Proxy-State without Message-Authenticator")


def prove_unsigned(
    request: Request, nas: Nas, dialect: Dialect, secret: SharedSecret, proofs: Proofs, monotonic: float
) -> bool:
    """Return whether an unsigned request shows that its sender has the secret and asks about this device.

    Raises UnsignedError where it must not be answered without that, AuthenticityError where it shows another secret.
    """
    if dialect.answers_in_clear and nas.profile != dialect.name:
        raise UnsignedError(
            f"no Message-Authenticator, and {dialect.name} would have the key in clear:"
            f" that needs a NAS of profile {dialect.name}"
        )
    hidden = request.first(_USER_PASSWORD)
    if hidden is not None:
        _check_password(decrypt_hidden(hidden, request.authenticator, secret), request, dialect)
        if not proofs.take(request, secret, monotonic):
            raise UnsignedError("no Message-Authenticator, and its Request Authenticator came with another request")
        return True
    if dialect.handshake_has_password or not dialect.shows_handshake(request):
        raise UnsignedError(f"no Message-Authenticator, nor User-Password, as access points of {dialect.name} send")
    return False


def _check_password(password: bytes, request: Request, dialect: Dialect) -> None:
    shown, name = _address(password), _address(request.first(_USER_NAME) or b"")
    if not password and not dialect.sends_empty_password:
        raise UnsignedError(
            f"no Message-Authenticator, and User-Password is empty, as access points of {dialect.name} do not send it"
        )
    if shown is None and password:
        # All that such a packet shows of a wrong secret: its one encrypted attribute comes out as noise.
        raise AuthenticityError("User-Password is not the device's address")
    device = _device(request, dialect)
    if device is None:
        return  # nobody is asked about: a reject, with the reason
    if (shown or name) != device:
        what = "User-Password" if shown else "User-Name, beside an empty User-Password,"
        raise UnsignedError(f"no Message-Authenticator, and {what} is not the address of the device asked about")
    if name not in (None, device):
        raise UnsignedError("no Message-Authenticator, and User-Name is another address than the one asked about")


def _device(request: Request, dialect: Dialect) -> MacAddress | None:
    """Return the device that a request asks about, as its dialect reads it."""
    try:
        return station_address(dialect.decode_request(request))
    except (DialectError, CryptoError):
        pass
    try:
        return device_address(request)
    except DialectError:
        return None


def _address(octets: bytes) -> MacAddress | None:
    try:
        return MacAddress.parse(octets)
    except ValueError:
        return None
