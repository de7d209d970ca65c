"""`latchkey undo` of what happened to places: all of it, or a line that says what is in the way."""

import pytest


@pytest.fixture
def house(cli):
    cli.ok("venue", "add", "Hudson House")
    cli.ok("unit", "add", "Hudson House", "4A", "--vlan", "104")
    return cli


def change_number(cli, action):
    """Return the last change of that action."""
    return next(line.split()[0] for line in reversed(cli.ok("audit").splitlines()) if action in line.split())


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        (["4A"], "the name or an id of unit 1 is another one's by now"),
        (["4Z", "--vlan", "104"], "VLAN 104 is that of unit '4Z' since change 4"),
    ],
)
def test_a_unit_whose_name_or_vlan_is_taken_stays_away(house, taken, said):
    house.ok("unit", "remove", "4A")
    removed = change_number(house, "unit.remove")
    house.ok("unit", "add", "Hudson House", *taken)
    line = house.refused("undo", removed)
    assert line.startswith(f"change {removed} ")
    assert said in line
    assert house.ok("unit", "list").count("\n") == 2


def test_units_that_shared_a_vlan_share_it_again(house):
    house.ok("unit", "add", "Hudson House", "4B", "--vlan", "104", "--share-vlan")
    house.ok("unit", "set", "4A", "--vlan", "105")
    house.ok("undo")
    assert house.ok("unit", "list", "--vlan", "104").count("\n") == 3


def test_a_venue_whose_name_is_taken_stays_away(house):
    house.ok("venue", "add", "Elm")
    house.ok("venue", "remove", "Elm")
    removed = change_number(house, "venue.remove")
    house.ok("venue", "add", "Elm")
    assert "the name or an id of venue 2 is another one's by now" in house.refused("undo", removed)


def test_what_is_in_use_by_now_stays(house):
    house.ok("pool", "add", "Residents")
    house.ok("key", "add", "--unit", "4A", "--identity", "Ann")
    said = house.refused("undo", change_number(house, "unit.add"))
    assert "unit 1 is in use" in said
