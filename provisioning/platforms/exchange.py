"""How a connector talks: it yields requests and receives answers, so that it runs without sockets.

    def residents(site: str) -> Exchange[list[Resident]]:
        answer = yield Request("GET", f"/site/{site}/resident", what=f"residents of site {site}")
        ...

The transport repeats what may be repeated (no answer, 429, 5xx) before an answer is returned; a request that stays
without one raises `Unavailable` where it was yielded. A list of requests gets the list of their answers, in order, each
an Answer or an Unavailable; they may run side by side.
"""

import base64
from collections.abc import Container, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar
from xml.etree.ElementTree import Element, ParseError

import pydantic_core

from ..sync import Reading, shorten

T = TypeVar("T")


class PlatformError(Exception):
    """Base of what goes wrong with a platform. Its text names what was asked, never a secret."""


class Unavailable(PlatformError):  # noqa: N818
    """No answer, or none worth reading, however often it was asked: the network, the certificate, the server.

    status: of the last answer, where the server had one that said no more than that it cannot (429, 5xx)
    """

    def __init__(self, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Refused(PlatformError):  # noqa: N818
    """The platform said no: credentials, rights, or a request that it does not take."""


class Unreadable(PlatformError):  # noqa: N818
    """An answer that is not what the document says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; `path` is appended to the connector's base URL.

    what: names it in messages; path, query and body may hold what no message may
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str
    what: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    url: str | None = None  # in place of the base and path, where a platform has another host for it
    may_repeat: bool = True  # asked again where no answer came


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case."""

    request: Request
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON; Unreadable where it is something else, cut short, or no UTF-8."""
        try:
            return pydantic_core.from_json(self.body, allow_inf_nan=False)
        except ValueError as error:
            raise Unreadable(f"{self.request.what}: the answer is {_no(self, 'JSON')}: {_place(error)}") from None

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object."""
        value = self.json()
        if not isinstance(value, dict):
            raise Unreadable(f"{self.request.what}: the answer is not a JSON object")
        return value

    def xml(self) -> Element:
        """Return the body's root element; Unreadable for what is no XML, or has a DTD or entities."""
        import defusedxml  # one platform of six speaks XML
        from defusedxml.ElementTree import fromstring

        try:
            root: Element = fromstring(self.body, forbid_dtd=True)
        except defusedxml.DefusedXmlException:
            raise Unreadable(f"{self.request.what}: XML with a DTD or entities is refused") from None
        except (ParseError, ValueError, LookupError):
            raise Unreadable(f"{self.request.what}: the answer is {_no(self, 'XML')}") from None
        return root

    def check(self) -> "Answer":
        """Return the answer; Refused where its status says no. The text has no body in it: that may hold secrets."""
        if not self.is_ok:
            raise Refused(f"{self.request.what}: HTTP {self.status}{_REFUSALS.get(self.status, '')}")
        return self


_REFUSALS: Final = {
    401: ": the user name, password or token is refused",
    403: ": the user name, password or token is refused, or may not do this",
}
Exchange: TypeAlias = Generator[Request | Sequence[Request], Any, T]


class Connector(Protocol):
    """What every platform has. Its methods are generators; all it knows of the store is what it is given."""

    def read(self, reading: Reading, known: "Known") -> Exchange[None]:
        """Fill the reading with all that the platform says; PlatformError where there is nothing to be read at all."""
        ...

    def check(self) -> Exchange[list[str]]:
        """Read one real page with one real unit; return lines that tell a person what was found."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key that was made of a platform's record and is in the store now."""

    id: str  # the platform's
    record: int  # ours
    subscriber: str | None  # the platform's id of whose it is
    passphrase: bytes = field(repr=False)
    is_made: bool  # the platform had none


@dataclass(frozen=True, slots=True)
class NewId:
    """A key has another id at its platform from now on."""

    id: str  # the platform's until now
    new: str


class Acknowledges(Protocol):
    """A platform that wants to know what was stored (LEAP)."""

    def acknowledge(self, reading: Reading, stored: Container[str]) -> Exchange[list[str]]:
        """Acknowledge what was read of keys, where the store has it; return what a person should know.

        stored: ids of the keys that are as the reading says
        """
        ...


class WritesBack(Protocol):
    """A platform that takes back what was made here (VAULT's NewKey, LEAP's external id)."""

    def write_back(self, keys: Sequence[StoredKey]) -> "Exchange[Sequence[str | NewId]]":
        """Write new keys back; return what a person should know, such as a reference that is taken, and new ids."""
        ...


class WritesAgain(Protocol):
    """A platform that can tell what it lacks of what was to be written back (VAULT)."""

    def unwritten(self, reading: Reading) -> Sequence[str]:
        """Return the keys of a reading that are to be written back, those of earlier runs among them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a connector may know of the store: ids of its own records, as the platform calls them."""

    keys: frozenset[str] = frozenset()  # that may be used, or may be again
    suspended: frozenset[str] = frozenset()  # keys that a sync has suspended
    units_of_keys: Mapping[str, str] = field(default_factory=dict)  # key id -> unit id
    ends_of_keys: Mapping[str, datetime] = field(default_factory=dict)  # key id -> end of its window, where it has one
    subscribers_of_keys: Mapping[str, str] = field(default_factory=dict)  # key id -> subscriber id
    records_of_keys: Mapping[str, int] = field(default_factory=dict)  # key id -> ours, by which commands take it
    full_venues: frozenset[str] = frozenset()  # that can have no more units


def basic(username: str, password: str) -> tuple[str, str]:
    """Return the header of HTTP Basic."""
    return "Authorization", "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def bearer(token: str) -> tuple[str, str]:
    """Return the header of a bearer token (RFC 6750)."""
    return "Authorization", f"Bearer {token}"


def json_body(value: Any) -> bytes:
    """Return a value as the octets of a JSON body."""
    return pydantic_core.to_json(value)


JSON_TYPE = ("Content-Type", "application/json")


def _no(answer: Answer, wanted: str) -> str:
    """Return what an answer is that is not what was wanted: something else, or that with a mistake in it."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if not kind:
        return f"not {wanted}"
    return f"not well-formed {wanted}" if wanted.lower() in kind.lower() else f"not {wanted} but {shorten(kind)}"


def _place(error: ValueError) -> str:
    """Return where the text goes wrong, without any of it."""
    line, _, column = str(error).rpartition(" at line ")[2].partition(" column ")
    return f"line {line}, column {column}" if line.isdigit() and column.isdigit() else "cut short or damaged"
