"""Source address to NAS, NAS to venue, venue and SSID to keypools."""

from ipaddress import ip_network

import pytest

from crypto import Ssid
from provisioning import Keypool, Nas, Scope, Venue
from radiusd.state.topology import Topology

SSID = Ssid(b"Hudson House")


def nas(number, network, venue_id=None, **settings):
    return Nas(
        id=number,
        network=ip_network(network),
        secret=b"testing123",
        name=f"nas {number}",
        venue_id=venue_id,
        profile="auto",
        require_message_authenticator=True,
        **settings,
    )


def venue(number, *identifiers):
    return Venue(id=number, name=f"venue {number}", nas_identifiers=identifiers)


def pool(number, scope, *venue_ids, ssid=SSID):
    return Keypool(id=number, ssid=ssid, scope=scope, venue_ids=venue_ids)


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("192.0.2.1", 3),
        ("192.0.2.2", 2),
        ("192.0.3.1", 1),
        ("::ffff:192.0.2.1", 3),
        ("193.0.2.1", None),
        ("2001:db8::1", 4),
        ("2001:db8:0:1::1", 5),
        ("2001:db9::1", None),
        ("fe80::1%eth0", 6),
    ],
)
def test_longest_prefix_wins(address, number):
    networks = ["192.0.0.0/8", "192.0.2.0/24", "192.0.2.1", "2001:db8::/32", "2001:db8:0:1::/64", "fe80::/10"]
    networks[0] = "192.0.0.0/16"
    topology = Topology([nas(place, text) for place, text in enumerate(networks, 1)])
    for _ in range(2):  # the second time from memory
        client = topology.client(address)
        assert (client and client.nas.id) == number


def test_everybody_may_be_a_nas():
    topology = Topology([nas(1, "0.0.0.0/0"), nas(2, "::/0")])
    assert topology.client("203.0.113.1").nas.id == 1
    assert topology.client("2001:db8::1").nas.id == 2


def test_strangers_do_not_pile_up():
    topology = Topology([nas(1, "192.0.2.0/24")])
    for number in range(20_000):
        assert topology.client(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}") is None
    assert len(topology._clients) < 17_000


class TestVenue:
    def test_the_nas_own_venue_comes_first(self):
        topology = Topology([], [venue(1, "ap1"), venue(2)])
        assert topology.venue(nas(1, "192.0.2.1", venue_id=2), b"ap1").id == 2

    def test_of_a_nas_for_any_the_one_that_lists_its_identifier(self):
        topology = Topology([], [venue(1, "ap1"), venue(2, "äp2")])
        assert topology.venue(nas(1, "192.0.2.1", any_venue=True), "äp2".encode()).id == 2

    def test_then_the_only_one(self):
        topology = Topology([], [venue(1, "ap1")])
        assert topology.venue(nas(1, "192.0.2.1", any_venue=True), b"ap9").id == 1
        assert topology.venue(nas(1, "192.0.2.1", any_venue=True), None).id == 1

    def test_else_none(self):
        topology = Topology([], [venue(1, "ap1"), venue(2)])
        assert topology.venue(nas(1, "192.0.2.1", any_venue=True), b"\xff") is None

    def test_a_nas_without_a_venue_that_is_not_for_any_is_nowhere(self):
        """It was added before the first venue, or its venue is gone: nothing that it says gives it one."""
        topology = Topology([], [venue(1, "ap1")])
        assert topology.venue(nas(1, "192.0.2.1"), b"ap1") is None


def test_keypools_of_a_place():
    here, there = venue(1), venue(2)
    pools = [
        pool(1, Scope.GLOBAL),
        pool(2, Scope.LOCAL, 1),
        pool(3, Scope.LOCAL, 2, 1),
        pool(4, Scope.LOCAL, 1, ssid=Ssid(b"hudson house")),
    ]
    topology = Topology([], [here, there], pools)
    assert topology.keypools_of(here, SSID) == (2, 3, 1)
    assert topology.keypools_of(there, SSID) == (3, 1)
    assert topology.keypools_of(None, SSID) == (1,)
    assert topology.keypools_of(here, Ssid(b"Hudson House ")) == ()
