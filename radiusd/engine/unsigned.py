"""Requests without Message-Authenticator (CVE-2024-3596): which of them are answered, and what they may change.

Whoever is on the way can send such a request in a NAS's name, with any attributes. What shows that it comes from
somebody with the secret is its one encrypted attribute, User-Password: empty, or the device's address. Where access
points send none, the request is answered if the answer is encrypted (or the operator has named the dialect), but
nothing is learned from it.
"""

from crypto import MacAddress
from provisioning import Nas

from ..ciphers import SharedSecret, decrypt_hidden
from ..codec import STATUS_SERVER
from ..errors import AuthenticityError, DialectError, UnsignedError
from ..model import Request
from ..vendors import Dialect, device_address

_USER_NAME, _USER_PASSWORD, _PROXY_STATE = 1, 2, 33


def check_unsigned(request: Request, nas: Nas) -> None:
    """Raise UnsignedError where this NAS must sign such a request (RFC 5997 section 3 for Status-Server)."""
    if request.code == STATUS_SERVER:
        raise UnsignedError("Status-Server without Message-Authenticator")
    if nas.require_message_authenticator:
        raise UnsignedError("no Message-Authenticator, and this NAS must send one")
    if request.first(_PROXY_STATE) is not None:
        raise UnsignedError("Proxy-State without Message-Authenticator")


def prove_unsigned(request: Request, nas: Nas, dialect: Dialect, secret: SharedSecret) -> bool:
    """Return whether an unsigned request shows that its sender has the secret.

    Raises UnsignedError where it must not be answered without that, AuthenticityError where it shows another secret.
    """
    if dialect.answers_in_clear and nas.profile != dialect.name:
        raise UnsignedError(
            f"no Message-Authenticator, and {dialect.name} would have the key in clear:"
            f" that needs a NAS of profile {dialect.name}"
        )
    hidden = request.first(_USER_PASSWORD)
    if hidden is not None:
        _check_password(decrypt_hidden(hidden, request.authenticator, secret), request)
        return True
    if dialect.handshake_has_password or not dialect.shows_handshake(request):
        raise UnsignedError(f"no Message-Authenticator, nor User-Password, as access points of {dialect.name} send")
    return False


def _check_password(password: bytes, request: Request) -> None:
    if password in (b"", request.first(_USER_NAME)):
        return
    try:
        if MacAddress.parse(password) == device_address(request):
            return
    except (ValueError, DialectError):
        pass
    # All that such a packet shows of a wrong secret: its one encrypted attribute comes out as noise.
    raise AuthenticityError("User-Password is neither empty nor the device's address")
