"""Reads enCloud: a token, then the devices of each customer."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from ...sync import Kind, Reading, SaidNas, SaidVenue, shorten
from ..exchange import Exchange, Known, PlatformError, Unreadable
from ..fields import BadRecord, find_id, find_zone, in_list
from ..settings import ConnectorSettings, plain_uid
from .payloads import Device, DevicePage, parse_devices
from .session import Session

BASE: Final = "/integration"
LIMIT: Final = 100  # the largest that is permitted but -1, which is one huge answer
KEY: Final = "cell.rssi"  # an inventory has to ask for some data as well: little, and it is not read
SIDE_BY_SIDE: Final = 32
MOST_PAGES: Final = 10_000
READINGS: Final = 2  # of one customer's list in one run


@dataclass
class Devices:
    """A customer's list of devices. `why` says what it lacks as a proof that it is whole."""

    customer: str
    devices: dict[str, Device] = field(default_factory=dict)
    bad: list[BadRecord] = field(default_factory=list)
    rows: int = 0
    why: str | None = None

    def add(self, page: DevicePage) -> None:
        """Take a page."""
        self.bad += in_list(page.bad, self.rows)
        self.rows += len(page.devices) + len(page.bad)
        self.devices.update((device.device_uid, device) for device in page.devices)

    def close(self, total: int) -> None:
        """Compare what came with what was to come."""
        if self.rows != total:
            self.why = f"{self.rows} devices came of {total} that totalFilteredResults says"
        elif repeated := self.rows - len(self.bad) - len(self.devices):
            self.why = f"{repeated} devices came twice: as many others may be missing"


class Connector:
    """enCloud's routers, for the customers of the configuration."""

    def __init__(self, settings: ConnectorSettings) -> None:
        settings.require("username", "sites")
        self._settings = settings
        self._customers = tuple(dict.fromkeys(settings.sites))
        find_zone(settings.timezone)  # raises Refused for what is none
        self._configured = frozenset(map(plain_uid, settings.nases))

    def read(self, reading: Reading, known: Known) -> Exchange[None]:  # noqa: ARG002 (all connectors are asked alike)
        """Fill the reading, customer by customer; one that fails costs itself. Raises where none could be read."""
        session = self._session()
        yield from session.authorise()
        lists: list[Devices] = []
        failed: list[PlatformError] = []
        for customer in self._customers:
            try:
                lists.append((yield from self._devices(session, customer)))
            except PlatformError as error:
                reading.partial(customer, str(error))
                failed.append(error)
        if not lists:
            raise failed[0]
        self._say(reading, lists)

    def check(self) -> Exchange[list[str]]:
        """Read the first page of each customer's devices."""
        session, lines = self._session(), []
        for customer in self._customers:
            (page,) = yield from self._pages(session, customer, range(1, 2))
            lines.append(f"customer {customer}, devices: {page.total:,}")
            for device in page.devices[:1]:
                place = "" if device.device_uid in self._configured else ", not configured as a NAS"
                lines.append(f"device {device.device_uid}: {shorten(device.state or 'no state')}{place}")
        return lines

    def _session(self) -> Session:
        # The document prints /integration/..., and a base URL is often given with it.
        return Session(self._settings, "" if self._settings.url.rstrip("/").lower().endswith(BASE) else BASE)

    # Reading.

    def _devices(self, session: Session, customer: str) -> Exchange[Devices]:
        """Return a customer's devices; new ones shift pages, so a list that does not add up is read once more."""
        for _ in range(READINGS):
            found = yield from self._read_once(session, customer)
            if found.why is None:
                break
        if found.why is not None and not found.rows:
            raise Unreadable(f"devices of customer {shorten(customer)}: {found.why}")
        return found

    def _read_once(self, session: Session, customer: str) -> Exchange[Devices]:
        found = Devices(customer)
        (first,) = yield from self._pages(session, customer, range(1, 2))
        found.add(first)
        size = first.limit if first.limit is not None and first.limit > 0 else LIMIT
        count = -(-first.total // size)
        if count > MOST_PAGES:
            raise Unreadable(f"devices of customer {shorten(customer)}: {count} pages, more than {MOST_PAGES}")
        for start in range(2, count + 1, SIDE_BY_SIDE):
            numbers = range(start, min(start + SIDE_BY_SIDE, count + 1))
            for page in (yield from self._pages(session, customer, numbers)):
                if page.total != first.total:
                    found.why = f"totalFilteredResults went from {first.total} to {page.total} while paging"
                found.add(page)
        if found.why is None:
            found.close(first.total)
        return found

    def _pages(self, session: Session, customer: str, numbers: range) -> Exchange[list[DevicePage]]:
        calls = [
            (f"devices of customer {shorten(customer)}, page {number}", _query(customer, number)) for number in numbers
        ]
        answers = yield from session.get("/devices", calls)
        return [parse_devices(answer, number) for answer, number in zip(answers, numbers, strict=True)]

    # What is said.

    def _say(self, reading: Reading, lists: list[Devices]) -> None:
        customers: defaultdict[str, list[str]] = defaultdict(list)
        for found in lists:
            for uid in found.devices:
                customers[uid].append(found.customer)
        for found in lists:
            reading.say(SaidVenue(id=found.customer, name=found.customer, time_zone=self._settings.timezone))
            for record in found.bad:
                id_ = find_id(record.raw, ("device_uid",))
                nas = None if id_ is None else plain_uid(id_)
                row = f"in row {record.index + 1:,}"
                reading.unreadable(Kind.NAS, nas, found.customer, record.text, field=record.field, label=row)
            for uid, device in found.devices.items():
                if len(customers[uid]) > 1:
                    text = f"is under customers {' and '.join(map(shorten, customers[uid]))}: left as it is"
                    reading.hold_back(Kind.NAS, uid, found.customer, text)
                else:
                    self._say_device(reading, found.customer, device)
            if found.why is not None:
                reading.partial(found.customer, found.why)
            reading.complete(found.customer, (Kind.NAS,))

    def _say_device(self, reading: Reading, customer: str, device: Device) -> None:
        uid, state = device.device_uid, shorten(device.state or "no state")
        if device.is_enabled is None:
            text = f"{state!r} is no state that is known: left as it is"
            reading.note(customer, text, kind=Kind.NAS, id_=uid, field="state")
        elif device.is_silent and uid in self._configured:
            seen = "never seen" if device.last_seen is None else f"last seen {device.last_seen:%Y-%m-%d %H:%M} UTC"
            reading.note(customer, f"silent: {state}, {seen}", kind=Kind.NAS, id_=uid, field="state")
        reading.say(
            SaidNas(
                id=uid,
                venue=customer,
                name=None,
                enabled=device.is_enabled,
                state=state,
                last_seen=device.last_seen,
            )
        )


def _query(customer: str, number: int) -> tuple[tuple[str, str], ...]:
    """Return the parameters of an inventory: those that are needed, and none that is empty."""
    return (
        ("timestamp", "0"),
        ("keys", KEY),
        ("customer_id", customer),
        ("limit", str(LIMIT)),
        ("page", str(number)),
    )
