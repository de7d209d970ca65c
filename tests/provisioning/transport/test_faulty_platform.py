"""A connector's reading over the transport, from a platform that goes wrong once or for good."""

from datetime import UTC, datetime

import pytest

from pcaps.platforms.building import Building
from pcaps.platforms.faults import WIRE
from provisioning.platforms import PLATFORMS, Known, PlatformError
from provisioning.sync import Kind, Reading, SaidKey
from provisioning.transport import Limits, Transport
from tests.platforms.eleven import TOKEN, Eleven
from tests.provisioning.platforms.drive import make_settings
from tests.provisioning.transport.site import Clock

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MENDED = {"rate_limited", "unavailable", "echo", "cut_short", "reset", "stall"}  # by asking again
LIMITS = Limits(read_s=0.5, body_octets=1 << 20)


@pytest.fixture
def building():
    return Building.make(units=60, seed=3, at=NOW)


@pytest.fixture
def clock():
    return Clock()


def read(server, clock):
    reading = Reading("hudson", "eleven", NOW)
    connector = PLATFORMS["eleven"](make_settings("eleven", url=server.url, token=TOKEN))
    with Transport(server.url, LIMITS, **clock.members) as transport:
        transport.run(connector.read(reading, Known()))
    return reading


@pytest.mark.parametrize("kind", sorted(MENDED))
def test_what_goes_wrong_once_is_asked_again_and_the_reading_is_whole(building, clock, kind):
    with Eleven([building], clock=lambda: NOW) as server:
        whole = read(server, clock)
        fault = server.faults.add(kind, path="/resident")
        again = read(server, clock)
        assert fault.met == 1
    assert again.is_whole
    assert list(again.all(SaidKey)) == list(whole.all(SaidKey))
    assert clock.slept == [1.0]


@pytest.mark.parametrize("kind", sorted(WIRE - {"token_expired"}))
def test_what_goes_on_going_wrong_leaves_the_reading_partial(building, clock, kind):
    with Eleven([building], clock=lambda: NOW) as server:
        server.faults.add(kind, 10_000, path="/resident")
        try:
            reading = read(server, clock)
        except PlatformError as error:
            said = str(error)
        else:
            assert reading.faults
            assert not any(reading.is_complete(venue, Kind.KEY) for venue in reading.venues)
            said = "; ".join(map(str, reading.faults))
    assert TOKEN not in said
    assert sum(clock.slept) <= LIMITS.patience_s
