"""What can be wrong with octets that come from outside.

CryptoError
├── EapolError        the frame is not an EAPOL-Key M2 that a MIC can be tested on
├── ElementError      an element (RSNE, MDE, FTE, ...) in its key data overruns or is too short
└── UnsupportedAkm    a sound frame whose AKM does not let a server search (SAE, 802.1X, OWE, unknown)

Our own mistakes (a PMK of 31 octets handed in by code) are ValueError, raised by the constructors in `types`.
"""


class CryptoError(Exception):
    """Base of what `crypto` raises about bytes from outside."""


class EapolError(CryptoError):
    """Not an EAPOL-Key frame whose MIC can be tested."""


class ElementError(EapolError):
    """An information element that overruns its frame or lacks its fixed fields."""


class UnsupportedAkm(CryptoError):  # noqa: N818 (reads as what it is)
    """The AKM of this handshake cannot be searched (SAE, 802.1X, OWE, or unknown)."""
