"""A building in a temporary store, an engine that answers for it, and a server that runs."""

import logging
import os
from dataclasses import replace

import pytest

from crypto import Akm, MacAddress, derive_handshake_pmk_r1, passphrase_to_pmk, sign
from radiusd import Lookup
from radiusd.fastpath.cache import FastPath
from radiusd.fastpath.tables import LEFT
from tests.radiusd.house import CASES, SPA, SSID, House, decode, run_server

# What holds for the engine holds for what the fast path answers: every test with a house runs both ways, but for those
# in these folders and those that are marked one_way(why).
ONE_WAY = {
    "fastpath": "are about the fast path itself",
    "server": "run a server, which owns both",
    "metrics": "run a server, which owns both",
    "state": "ask the index, which both use",
}


def pytest_generate_tests(metafunc):
    folder = metafunc.definition.path.parent.name
    one_way = folder in ONE_WAY or metafunc.definition.get_closest_marker("one_way") is not None
    if "house" in metafunc.fixturenames and not one_way:
        metafunc.parametrize("house", ["engine", "fastpath"], indirect=True)


@pytest.fixture
def house(tmp_path, request):
    house = House(tmp_path, fast_path=getattr(request, "param", "fastpath") == "fastpath")
    yield house
    house.close()
    if house.engine is not None and not house.may_fail:
        counts = house.engine.journal.counts
        assert (counts.discards["error"], counts.fastpath_failures) == (0, 0)


@pytest.fixture
def running():
    """Return `run_server`."""
    return run_server


@pytest.fixture
def ways(house, monkeypatch):
    """Which way each request went so far."""
    went = []
    answer = FastPath.answer

    def spy(self, batch, count, *rest):
        answered = answer(self, batch, count, *rest)
        went.extend(self._results[:count, 0].tolist() if len(self) else [LEFT] * count)
        return answered

    monkeypatch.setattr(FastPath, "answer", spy)
    return went


@pytest.fixture
def lines(caplog):
    """The lines logged so far, as text."""
    caplog.set_level(logging.INFO, logger="radiusd")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "radiusd"]


@pytest.fixture(params=CASES, ids=repr)
def recording(request):
    return request.param


@pytest.fixture(scope="session")
def recordings():
    return CASES


@pytest.fixture(scope="session")
def handshake():
    """Return a function that makes the handshake of a station with `passphrase`, out of a recorded one."""
    recorded = {case.akm: decode(case) for case in CASES}
    pmks = {}

    def make(passphrase, ssid=SSID, akm=Akm.PSK, spa=SPA, aa=None):
        if (passphrase, ssid) not in pmks:
            pmks[passphrase, ssid] = passphrase_to_pmk(passphrase, ssid)
        template = recorded[str(akm)]
        fresh = replace(template, ssid=ssid, spa=spa, aa=aa or template.aa, anonce=os.urandom(32))
        if fresh.ft is not None:
            name = derive_handshake_pmk_r1(pmks[passphrase, ssid], fresh).name
            key_data = fresh.m2.key_data.replace(fresh.ft.pmk_r1_name, name)
            fresh = replace(fresh, m2=replace(fresh.m2, key_data=key_data), ft=replace(fresh.ft, pmk_r1_name=name))
        return sign(pmks[passphrase, ssid], fresh)

    return make


@pytest.fixture(scope="session")
def lookup():
    """Return a function that makes the question of an access point that knows the device's address only."""

    def make(device=SPA, ssid=SSID):
        return Lookup(device=device, ssid=ssid, aa=MacAddress(b"\2\0\0\0\0\0"))

    return make
