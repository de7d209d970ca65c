"""Random tenancies, carried out: nobody's passphrase changes, and the same reading again changes nothing."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioning import MasterKey, Store
from provisioning.lifecycle import keys as life
from provisioning.sync import Limits
from tests.provisioning.runner.house import House

NUMBERS = st.integers(0, 7)
EVENTS = st.one_of(
    st.tuples(st.sampled_from(["end", "suspend", "resume"]), NUMBERS),
    st.tuples(st.just("move in"), st.integers(0, 15), NUMBERS),
    st.tuples(st.just("move"), NUMBERS, NUMBERS),
    st.tuples(st.just("vlan"), NUMBERS, st.integers(1, 4094)),
    st.tuples(st.just("ends"), NUMBERS, st.none() | st.integers(-50, 200)),
    st.tuples(st.just("lost"), NUMBERS),
    st.tuples(st.just("passphrase"), NUMBERS),
    st.tuples(st.sampled_from(["by hand: suspend", "by hand: remove"]), NUMBERS),
    st.tuples(st.just("partial")),
    st.tuples(st.just("hours"), st.integers(1, 30)),
)
NO_LIMITS = Limits(stops_percent=100, stops_units=100, small_stops=100, moves_percent=100)


def happen(house, event, by_hand):
    what, *values = event
    id_ = f"S1/R{values[0]}" if values else None
    if what == "move in":
        if id_ not in house.keys:
            house.move_in(values[0], unit=f"S1/U{values[1]}")
    elif what == "partial":
        house.partial()
    elif what == "hours":
        house.now += timedelta(hours=values[0])
    elif id_ in house.keys:
        if what in ("end", "suspend", "resume"):
            getattr(house, what)(values[0])
        elif what == "move":
            house.change(values[0], unit=f"S1/U{values[1]}")
        elif what == "vlan":
            house.change(values[0], vlan=values[1])
        elif what == "ends":
            ends = None if values[1] is None else house.now + timedelta(hours=values[1])
            house.change(values[0], ends=ends)
        elif what == "passphrase":
            house.change(values[0], passphrase=b"the platform's own %d" % values[0])
        elif what == "lost":
            del house.keys[id_]
        elif id_ in house.held() and house.held()[id_].state.value != "removed":
            act = life.suspend if what.endswith("suspend") else life.remove
            act(house.store, house.held()[id_].record, now=house.now)
            by_hand.add(id_)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(st.lists(EVENTS, max_size=6), max_size=6))
def test_whatever_happens_nobodys_passphrase_changes_and_those_who_live_there_get_in(tmp_path_factory, days):
    path = tmp_path_factory.mktemp("any") / "latchkey.db"
    with Store.create(path, MasterKey(bytes(range(32)))) as store:
        house = House(store, units=8, limits=NO_LIMITS)
        house.sync()
        passphrases, by_hand = house.passphrases(), set()
        for day in days:
            house.trouble = []
            for event in day:
                happen(house, event, by_hand)
            inside = house.inside()
            is_partial = bool(house.trouble)
            house.sync()
            now = house.passphrases()
            assert {id_: now[id_] for id_ in passphrases} == passphrases
            passphrases |= now
            living = house.living() - by_hand
            assert living <= house.inside()
            if not is_partial:
                kept = {id_ for id_ in house.inside() if id_ not in house.keys}  # missing is not ended
                assert house.inside() - by_hand - kept <= living
            assert not by_hand & house.inside() - inside
            assert not [step for step in house.run().plan.steps if step.kind.value != "key"]
            assert not house.run().plan.steps
