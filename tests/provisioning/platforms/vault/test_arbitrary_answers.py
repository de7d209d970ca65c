"""Whatever a platform answers: a reading or a PlatformError, no key ended by it, and nothing secret told."""

import copy
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.platforms import Known, PlatformError
from provisioning.sync import Kind, SaidKey, Standing
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import NOW, POOL, UNIT, VENUE, Vault, faults, read

PATHS = (
    api.VENUES,
    api.DETAILS,
    api.UNITS,
    api.UNIT_DETAILS,
    api.POOLS,
    api.PLANS,
    api.SUBSCRIBERS,
    api.SUBSCRIPTIONS,
    api.KEYS,
    api.CARDS,
    api.CONTROLLERS,
)
NAMES = (
    *("VenueList", "VenueUnits", "myKeyPoolList", "subscribers", "pagination", "Subscriptions", "keysInKeyPools"),
    *("Keys", "Cards", "KeyID", "PSK", "VenueID", "UnitID_internal", "KeyPoolID", "SubscriberToken", "vlan", "Status"),
    *("EndDateTimeUTC.ISO8601", "StartDateTimeUTC.ISO8601", "TotalCount", "VenueUnitCount", "Devices", "data"),
    *("ConnectedVenueList", "SSID", "Scope", "subscriberInfo", "keyInventory", "allDevices", "statusCode", "success"),
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["2026-01-01", "9999-12-31", "0001-01-01", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
    | st.sampled_from([VENUE, UNIT, POOL, "sub_1", "psk_1", "global", "TERMINATED", "x" * 300, "\ud800"])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner),
    max_leaves=8,
)
BATCH = "2026-11-01T14:30:00.000Z"
KNOWN = Known(
    keys=frozenset({"psk_1"}),
    units_of_keys={"psk_1": UNIT},
    ends_of_keys={"psk_1": NOW},
    subscribers_of_keys={"psk_1": "sub_1"},
)


def whole():
    vault = Vault()
    vault.units[VENUE].append(api.unit("102", vlan=None))
    vault.pools.append({"KeyPoolID": "P2", "SSID": "Air", "Scope": "local", "RuckusR1ControllerID": "C1"})
    vault.controllers = [{"ControllerID": "C1"}]
    vault.batches[POOL, BATCH] = {"Cards": [{"KeyID": "card_1", "PSK": "word-word"}]}
    return vault


def attempt(vault):
    """Return the reading; None where there is nothing to be read."""
    try:
        return read(vault, KNOWN, batches=(f"{POOL}/{BATCH}",))
    except PlatformError:
        return None


@given(st.sampled_from(PATHS), JSON)
@settings(max_examples=300, deadline=None)
def test_any_json_is_a_reading_or_a_platform_error(path, value):
    vault = whole()
    vault.over[path] = json.dumps(value)
    reading = attempt(vault)
    if reading is not None:
        assert "passphrase of" not in "".join(faults(reading))


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_an_answer_with_one_thing_wrong_ends_no_key_that_it_does_not_name(data):
    """One place of a good answer holds something else: the key is said as it was, or held, or its venue is partial."""
    vault = whole()
    path = data.draw(st.sampled_from([path for path in PATHS if path not in (api.SUBSCRIBERS, api.VENUES)]))

    def spoilt(body):
        answer = copy.deepcopy(getattr(vault, "_" + path.rpartition("/")[2])(body))
        place = answer
        while isinstance(place, dict | list) and place:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.draw(st.sampled_from(keys))
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
                place[key] = data.draw(JSON.filter(lambda value: value != "TERMINATED"))
                break
            place = inner
        return json.dumps(answer)

    vault.over[path] = spoilt
    reading = attempt(vault)
    if reading is None:
        return
    said = reading.get(SaidKey, "psk_1")
    assert said is None or said.standing is not Standing.ENDED, faults(reading)
    # Keys are listed in one place alone: one that this lacks is missing, which ends it after three readings and a day.
    assert path == api.KEYS or reading.saw(Kind.KEY, "psk_1") or not reading.is_complete(VENUE, Kind.KEY)
