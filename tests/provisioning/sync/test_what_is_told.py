"""What a person is told of records: which they are, whose, and in one line where many have one cause."""

from provisioning.sync import Kind, pack_plan, unpack_plan
from tests.provisioning.sync.made import everybody, planned, reading


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
