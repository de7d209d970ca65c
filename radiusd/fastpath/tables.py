"""The tables of the fast path: arrays that compiled code reads, set-associative, found by hash and compared whole."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

WAYS: Final = 8
SPREAD: Final = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: spreads hashes over the sets
ADDRESS: Final = 28  # octets of a sockaddr_in6, the longer of the two
LOCAL: Final = 16  # octets of an address of ours, zeros behind an IPv4 one
LONGEST_TEMPLATE, LONGEST_QUESTION, LONGEST_SECRET = 256, 640, 256
LONGEST_REPLY: Final = 448  # header, Message-Authenticator, template, Proxy-States
_PACKET, FRAME, SHORTEST_FRAME = 4096, 1024, 99
# PMK_WORDS and the scratch of `crypto.kernels.mic`, which this does not import: it brings numba.
PMK_WORDS, MIC_WORDS = 26, 68
SALTED: Final = 4  # values under the salted cipher in one answer: UniFi's has three

# What became of a datagram; the last: answered, where the engine had another exchange under its identifier.
LEFT, ANSWERED, REPEATED, SUPERSEDED = range(4)

# A question: all of a request that is the same whichever device asks and however often. What it means was made out once
# by the engine.
QUESTION: Final = np.dtype(
    [
        ("hash", "u8"),
        ("length", "i4"),  # 0: free
        ("client", "i4"),
        ("kind", "i4"),  # which keys, how they are to be given out: with the device's address it finds the answer
        ("search", "i4"),  # whether it carries a handshake
        ("used", "i8"),
        ("aa", "u1", (6,)),
        ("ssid_length", "u1"),
        ("ssid", "u1", (32,)),
        ("octets", "u1", (LONGEST_QUESTION,)),
    ],
    align=True,
)
# A shared secret, the two blocks of HMAC-MD5 under it, and their states once they have been wanted.
CLIENT: Final = np.dtype(
    [
        ("states", "u4", (8,)),
        ("ready", "i4"),
        ("length", "i4"),
        ("pads", "u1", (128,)),
        ("secret", "u1", (LONGEST_SECRET,)),
    ],
    align=True,
)
# What a device gets: an Accept's attributes but for what depends on the request, and the key that it must have used.
ANSWER: Final = np.dtype(
    [
        ("mac", "u8"),
        ("kind", "i4"),
        ("length", "i4"),  # 0: free
        ("key_id", "i8"),
        ("until", "f8"),  # it may be repeated: seconds since 1970, infinite where there is no end
        ("ends", "f8"),  # the session, where the template has a Session-Timeout
        ("used", "i8"),
        (
            "salted_at",
            "i4",
            (SALTED,),
        ),  # where salted values are in the template, in clear: salt, length, text, zeros
        ("blocks", "i4", (SALTED,)),  # of 16 octets, of each; 0: there is no such value
        ("timeout_at", "i4"),  # where Session-Timeout's value is; -1: none
        ("states", "u4", (PMK_WORDS,)),  # of the PMK: see `mic.put_pmk_states`
        ("template", "u1", (LONGEST_TEMPLATE,)),
    ],
    align=True,
)
# A request that was answered, to answer it again with the same octets (RFC 5080 2.2.2).
EXCHANGE: Final = np.dtype(
    [
        ("source", "u8", (5,)),
        ("opened", "f8"),
        ("length", "i4"),  # of the reply; -1: the engine has the exchange; 0: free
        ("authenticator", "u1", (16,)),
        ("signature", "u1", (16,)),
        ("reply", "u1", (LONGEST_REPLY,)),
    ],
    align=True,
)
# What the engine has made of an M2's key data, whoever it came from: see `fastpath.handshakes`.
KEY_DATA: Final = np.dtype(
    [
        ("hash", "u8"),
        ("used", "i8"),
        ("akm", "i4"),  # 2, 4 or 6, of 00-0F-AC; 0: free
        ("bits", "i4"),  # of the PTK
        ("r0_length", "i4"),
        ("r0", "u1", (51,)),  # for FT: MDID, length of R0KH-ID, R0KH-ID
        ("r1", "u1", (6,)),  # R1KH-ID
    ],
    align=True,
)
KEY_DATA_ROWS: Final = 16_384  # one for each kind of station; for FT one for each of them at each access point
# Where a handshake lies in a Vendor-Specific attribute: places in the attribute, -1 for what is not in it. Learned from
# requests that the engine has understood; the octets before each place tell it from another of the same length.
FORM: Final = np.dtype(
    [
        ("length", "i4"),  # of the attribute; 0: free
        ("anonce_at", "i4"),
        ("frame_at", "i4"),
        ("frame_length", "i4"),
        ("spa_at", "i4"),
        ("vendor", "u1", (5,)),  # and its type
        ("guards", "u1", (6,)),  # before ANonce, frame, SPA
        ("used", "u1"),  # since room was last made for another
    ],
    align=True,
)
FORMS: Final = 32
GUARD: Final = 2  # a TLV's type and length; further back may be another place
# What is found in one datagram, and room to work in.
SCRATCH: Final = np.dtype(
    [
        ("source", "u8", (5,)),
        ("mac", "u8"),
        ("hash", "u8"),
        ("key_data", "u8"),
        ("question_length", "i4"),
        ("signature_at", "i4"),
        ("frame_length", "i4"),  # 0: no handshake
        ("proxy_length", "i4"),  # of all Proxy-States
        ("spa", "u1", (6,)),
        ("anonce", "u1", (32,)),
        ("digest", "u4", (4,)),
        ("words", "u4", (MIC_WORDS,)),
        ("frame", "u1", (FRAME,)),
        ("octets", "u1", (_PACKET + 128,)),
        ("question", "u1", (LONGEST_QUESTION,)),
    ],
    align=True,
)


class Tables(NamedTuple):
    """All that compiled code keeps, one array each."""

    questions: npt.NDArray[np.void]
    clients: npt.NDArray[np.void]
    answers: npt.NDArray[np.void]
    exchanges: npt.NDArray[np.void]
    key_data: npt.NDArray[np.void]
    forms: npt.NDArray[np.void]
    scratch: npt.NDArray[np.void]  # one row


class Datagrams(NamedTuple):
    """The arrays of a batch, and what becomes of each datagram.

    results: int64, shape (n, 4): LEFT, ANSWERED, REPEATED or SUPERSEDED; reply's length; rows of question and answer
    """

    packets: npt.NDArray[np.uint8]
    lengths: npt.NDArray[np.int64]
    addresses: npt.NDArray[np.uint8]
    locals: npt.NDArray[np.uint8]
    replies: npt.NDArray[np.uint8]
    results: npt.NDArray[np.int64]


class Arrival(NamedTuple):
    """One datagram, and where from, where to and on which socket it came."""

    packet: npt.NDArray[np.uint8]  # shape (4096,)
    length: int
    address: npt.NDArray[np.uint8]  # shape (ADDRESS,)
    local: npt.NDArray[np.uint8]  # shape (LOCAL,)
    socket: int


class Times(NamedTuple):
    """Now, and how long an exchange is kept; all in seconds."""

    wall: float  # since 1970
    monotonic: float
    lifetime: float


class KeyData(NamedTuple):
    """What the engine has made of an M2's key data; see `KEY_DATA`."""

    akm: int
    bits: int
    r0: npt.NDArray[np.uint8]
    r1: npt.NDArray[np.uint8]
    pmkid: npt.NDArray[np.uint8]  # the only one in its RSNE, else nothing


class NewQuestion(NamedTuple):
    """What the engine has made out of a request; see `QUESTION`."""

    client: int
    kind: int
    search: bool
    aa: npt.NDArray[np.uint8]
    ssid: npt.NDArray[np.uint8]
    mac: np.uint64
    key_data: KeyData  # where it carries a handshake
    used: int


class NewAnswer(NamedTuple):
    """What a device gets; see `ANSWER`."""

    mac: np.uint64
    kind: int
    pmk: npt.NDArray[np.uint8]  # shape (32,)
    template: npt.NDArray[np.uint8]
    salted: npt.NDArray[np.int64]  # shape (2, SALTED): where, and of how many blocks
    timeout_at: int
    key_id: int
    until: float
    ends: float
    used: int
