"""The document's own samples: every answer of a call that is made parses, and every request has members that it names.

The samples fold nested objects to nothing (`{ }`); what stands in these is tried elsewhere.
"""

import json
from pathlib import Path

import pytest

from provisioning.platforms import Known, StoredKey
from provisioning.platforms.fields import parse_records
from provisioning.platforms.vault.payloads import (
    CONTROLLERS,
    KEYS,
    POOLS,
    SUBSCRIBERS,
    SUBSCRIPTIONS,
    UNITS,
    VENUES,
    find_details,
    find_plans,
    flatten_keys,
    member,
    records,
)
from provisioning.platforms.vault.session import judge
from provisioning.sync import WHOLE, Kind
from tests.provisioning.platforms.drive import Answer, drive
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import Vault, faults, make_connector, read

HERE = Path(__file__).parent
MEMBERS = json.loads((HERE / "request-members.json").read_text("utf-8"))
LISTS = {
    "listVenues": ("VenueList", "VenueID", VENUES),
    "listVenueUnits": ("VenueUnits", "UnitID_internal", UNITS),
    "listVenueUnitDetails": ("VenueUnits", "UnitID_internal", UNITS),
    "listKeypools": ("myKeyPoolList", "KeyPoolID", POOLS),
    "listSubscribers": ("subscribers", "SubscriberToken", SUBSCRIBERS),
    "listSubscriptions": ("Subscriptions", "SubscriptionID", SUBSCRIPTIONS),
    "listRuckusR1Controllers": ("RuckusR1Controllers", "ControllerID", CONTROLLERS),
}


def example(name):
    return json.loads((HERE / "examples" / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("path", sorted((HERE / "examples").glob("*.json")), ids=lambda path: path.stem)
def test_no_sample_is_taken_for_a_failure(path):
    body = path.read_bytes()
    assert judge(Answer(None, 200, {}, body)) == json.loads(body)


@pytest.mark.parametrize("name", LISTS)
def test_the_lists_of_the_samples_parse(name):
    list_name, id_name, adapter = LISTS[name]
    assert parse_records(adapter, records(member(example(name), name, list_name), id_name, name)) == ([], [])


def test_the_sample_of_a_venue_parses():
    found = find_details(example("listVenueDetails"), "venue_MNO345", "details")
    (venue,), bad = parse_records(VENUES, [found])
    assert (venue.id, venue.name, venue.units, bad) == ("venue_MNO345", "Downtown Business Center", 50, [])


def test_the_sample_of_keys_parses():
    found = flatten_keys(example("listSubscriberKeys"), "sub_ABC123DEF456", "keys")
    assert (parse_records(KEYS, found.rows), found.devices) == (([], []), [])


def test_the_sample_of_plans_is_a_bare_list():
    assert find_plans(example("listServicePlans"), "plans") == [{}, {}]


def test_samples_with_folded_lists_are_no_complete_reading():
    """Taken as they are printed they count what they do not hold: nobody ends by that."""
    vault = Vault()
    vault.over = {api.VENUES: {**example("listVenues"), "VenueList": {api.VENUE: {}}}}
    vault.over |= {api.UNITS: example("listVenueUnits"), api.POOLS: example("listKeypools")}
    vault.over |= {api.PLANS: example("listServicePlans"), api.SUBSCRIPTIONS: example("listSubscriptions")}
    vault.over |= {api.SUBSCRIBERS: example("listSubscribers")}
    reading = read(vault, Known(keys=frozenset({"psk_1"})))
    assert not reading.is_complete(api.VENUE, Kind.KEY)
    assert not reading.is_complete(WHOLE, Kind.POOL)
    assert any("venues: 1 different ones came of 3" in line for line in faults(reading))


def test_requests_have_only_members_that_the_document_names():
    """Of every call, with cards, controllers, units without a VLAN, a renewal, and keys written back."""
    vault, requests, seconds = Vault(), [], [0.0]
    vault.units[api.VENUE][0].pop("vlan")
    vault.pools.append({"KeyPoolID": "P2", "SSID": "Air", "Scope": "local", "RuckusR1ControllerID": "C1"})
    vault.batches[api.POOL, "2026-11-01T00:00:00.000Z"] = {"Cards": []}
    vault.keys = {}
    connector = make_connector(lambda: seconds[0], write_back=True, batches=(f"{api.POOL}/2026-11-01T00:00:00.000Z",))
    read(vault, connector=connector, requests=requests)
    seconds[0] = 3500.0
    made = [stored("subscription:S1"), stored("psk_9")]
    vault.over[api.ADD_KEY] = example("addKey")
    vault.over[api.RESET_KEY] = example("resetKey")
    drive(connector.write_back(made), vault, requests)
    assert {request.path for request in requests} == set(MEMBERS)
    for request in requests:
        assert set(json.loads(request.body)) <= set(MEMBERS[request.path]), request.path
        assert ("Content-Type", "application/json") in request.headers


def stored(id_):
    return StoredKey(id=id_, record=1, subscriber="sub_1", passphrase=b"made-by-us-1", is_made=True)
