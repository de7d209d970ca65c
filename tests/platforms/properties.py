"""Each platform with its connector: what the connector is configured with, and whose key is whose."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pcaps.platforms import vault
from pcaps.platforms.building import Building, Tenancy
from pcaps.platforms.server import TestPlatform
from provisioning.platforms import PLATFORMS, ConnectorSettings, Credentials, UnitPlace
from provisioning.runner.run import Configured, Run, RunReport
from provisioning.sync import Kind, Limits
from provisioning.transport import Transport
from tests.platforms import eleven, leap, storedge
from tests.platforms.doors import Doors
from tests.platforms.year import EVENTS, OVERLAP, PAY, SUSPEND, SWAP

# No threshold: a year has days on which many move, which is what a person would accept.
UNLIMITED = Limits(stops_percent=100, stops_units=100_000, small_stops=100, moves_percent=100)


@dataclass
class Property:
    """A platform that a test runs, and a connector to it."""

    platform: str
    make: Callable[..., TestPlatform]
    table: Callable[[TestPlatform, Sequence[Building]], dict[str, Any]]
    key_id: Callable[[TestPlatform, Building, Tenancy], str]
    secrets: dict[str, str] = field(default_factory=dict)
    kinds: Sequence[str] = EVENTS
    options: dict[str, Any] = field(default_factory=dict)
    says_vlans: bool = False

    def __str__(self) -> str:
        return self.platform

    @contextlib.contextmanager
    def serving(self, buildings: Sequence[Building], clock: Callable[[], datetime]) -> Iterator[TestPlatform]:
        with self.make(buildings, clock=clock, **self.options) as server:
            yield server

    def configured(self, server: TestPlatform, buildings: Sequence[Building], limits: Limits = UNLIMITED) -> Configured:
        settings = ConnectorSettings(
            name="property",
            platform=self.platform,
            url=server.url,
            credentials=Credentials(self.secrets.get),
            **self.table(server, buildings),
        )
        return Configured(settings=settings, connector=PLATFORMS[self.platform](settings), limits=limits, venues={})


class Patience:
    """Monotonic time of a transport: waiting takes none of the test's."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def synchronise(doors: Doors, configured: Configured, *, accept: bool = True) -> RunReport:
    """Run once; accept what a person is asked for."""
    patience = Patience()
    with Transport(configured.settings.url, clock=patience, sleep=patience.sleep) as transport:
        run = Run(doors.store, configured, transport.run, now=doors.clock)
        report = run.run()
        if accept and report.plan is not None and report.plan.holds:
            report = run.accept(int(report.plan.id.rpartition("-")[2]))
    return report


def keys_of(doors: Doors, only: set[str] | None = None) -> dict[str, tuple[bytes, str, str | None]]:
    """Return keys' passphrases and SSIDs by the platform's ids of them, and the NAS-Identifier of their venue."""
    owned = doors.store.sync.records("property", Kind.KEY)
    records = {record: id_ for id_, record in owned.items() if only is None or id_ in only}
    pools = {pool.id: str(pool.ssid) for pool in doors.store.keypools.all()}
    return {
        records[key.id]: (key.passphrase.value, pools[key.keypool_id], None)
        for key in doors.store.keys.get_many(records)
        if not key.erased
    }


def _eleven_table(server: TestPlatform, buildings: Sequence[Building]) -> dict[str, Any]:
    return {"timezone": buildings[0].time_zone, "sites": tuple(each.venue_id for each in buildings)}


def _leap_table(server: TestPlatform, buildings: Sequence[Building]) -> dict[str, Any]:
    places = {
        unit.id: UnitPlace(
            unit=unit.name, building=unit.building, floor=unit.floor, vlan=unit.vlan, venue=building.venue_id
        )
        for building in buildings
        for unit in building.units.values()
    }
    return {
        "username": leap.USERNAME,
        "ssid": buildings[0].ssid,
        "timezone": buildings[0].time_zone,
        "units": places,
        "sites": tuple(each.venue_id for each in buildings),
    }


def _storedge_table(server: TestPlatform, buildings: Sequence[Building]) -> dict[str, Any]:
    return {
        "ssid": buildings[0].ssid,
        "timezone": buildings[0].time_zone,
        "sites": tuple(storedge.identifier(each.venue_id) for each in buildings),
    }


def _vault_table(server: TestPlatform, buildings: Sequence[Building]) -> dict[str, Any]:
    return {"username": vault.EMAIL, "sites": tuple(each.venue_id for each in buildings)}


PROPERTIES = (
    Property(
        "eleven",
        eleven.Eleven,
        _eleven_table,
        lambda _, building, tenancy: f"{building.venue_id}/{tenancy.id}",
        {"token": eleven.TOKEN},
        tuple(kind for kind in EVENTS if kind not in (SUSPEND, PAY, OVERLAP)),  # one resident per unit at any time
        says_vlans=True,
    ),
    Property(
        "storedge",
        storedge.StorEdge,
        _storedge_table,
        lambda _, building, tenancy: f"{storedge.identifier(building.venue_id)}/{storedge.identifier(tenancy.id)}",
        {"token": storedge.TOKEN},
    ),
    Property(
        "leap",
        leap.Leap,
        _leap_table,
        lambda server, _, tenancy: server.identifier(tenancy.id),
        {"password": leap.PASSWORD},
        tuple(kind for kind in EVENTS if kind not in (SUSPEND, PAY, SWAP)),
        says_vlans=True,
    ),
    Property(
        "vault",
        vault.Vault,
        _vault_table,
        lambda server, _, tenancy: server.key_id(tenancy.id),
        {"password": vault.PASSWORD},
        says_vlans=True,
    ),
)
