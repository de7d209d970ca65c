"""What a person is told of records: which they are, whose, and in one line where many have one cause."""

from dataclasses import replace

from provisioning.sync import Action, Kind, Taken, pack_plan, unpack_plan
from tests.provisioning.sync.made import everybody, holdings, planned, reading, said_key


def test_a_fault_names_the_person_and_the_unit_of_a_key_beside_its_id():
    read = reading(*everybody()[1:])
    read.hold_back(Kind.KEY, "S1/R0", "S1", "in neither list: left as it is")
    (fault,) = planned(read).faults
    assert str(fault) == "eleven, S1, key S1/R0 (Person 0, unit 0): in neither list: left as it is"


def test_a_fault_about_a_person_names_them():
    read = reading(*everybody())
    read.note("S1", "has two accounts", kind=Kind.SUBSCRIBER, id_="S1/P3")
    assert str(planned(read).faults[0]) == "eleven, S1, subscriber S1/P3 (Person 3): has two accounts"


def test_a_record_without_an_id_is_told_by_what_the_connector_found_it_by():
    read = reading(*everybody())
    read.unreadable(Kind.SUBSCRIBER, None, "S1", "is not an id", field="id", label="in row 7 (Ann Lee)")
    (fault,) = planned(read).faults
    assert str(fault) == "eleven, S1, subscriber in row 7 (Ann Lee), id: is not an id"


def test_a_plan_that_is_kept_knows_what_its_faults_are_about():
    read = reading(*everybody())
    read.hold_back(Kind.KEY, "S1/R0", "S1", "in neither list")
    plan = planned(read)
    assert unpack_plan(pack_plan(plan)).faults == plan.faults
    assert plan.faults[0].label == "Person 0, unit 0"


# More than a venue can have.


def added(plan, kind):
    return [step.id for step in plan.steps if (step.action, step.kind) == (Action.ADD, kind)]


def test_units_beyond_what_a_venue_has_are_one_line_and_nothing_is_tried_of_them():
    plan = planned(reading(*everybody(20_000), units=20_000), holdings(units=0))
    assert len(added(plan, Kind.UNIT)) == len(added(plan, Kind.KEY)) == len(added(plan, Kind.SUBSCRIBER)) == 5000
    (fault,) = plan.faults
    assert str(fault) == (
        "eleven, S1, venue S1, units: a venue has at most 5,000 units: 15,000 more of the platform's are not made;"
        " 15,000 keys wait for it"
    )


def test_a_venue_that_is_full_plans_nothing_of_the_others_the_next_time():
    plan = planned(reading(*everybody(5100), units=5100), holdings(units=5000))
    assert plan.steps == ()
    assert len(plan.faults) == 1
    assert "100 more of the platform's are not made; 100 keys wait" in str(plan.faults[0])


def test_units_that_others_have_there_count(monkeypatch):
    monkeypatch.setattr("provisioning.sync.places.MOST_UNITS", 22)
    taken = {("S1", None, None, f"lobby {number}"): Taken(900 + number, None) for number in range(2)}
    plan = planned(reading(*everybody(21), units=21), holdings(taken=taken))
    assert added(plan, Kind.UNIT) == []
    assert "1 more of the platform's are not made; 1 key waits" in str(plan.faults[0])


def test_a_key_that_would_move_to_a_unit_that_does_not_fit_stays_and_a_full_venue_still_changes(monkeypatch):
    monkeypatch.setattr("provisioning.sync.places.MOST_UNITS", 20)
    first, second, *others = everybody()
    read = reading(said_key(0, unit="S1/U20"), replace(second, vlan=7), *others, units=21)
    plan = planned(read)
    assert [(step.action, step.id) for step in plan.steps] == [(Action.CHANGE, "S1/R1")]
    assert first.id not in {step.id for step in plan.steps}
    assert "1 key waits for it" in str(plan.faults[0])
