"""`latchkey venue` and `operator`: what is said of a property, and what becomes of all when it goes."""

import json

import pytest


@pytest.fixture
def house(cli):
    cli.ok("venue", "add", "Hudson House", "--nas-identifier", "hh-ap1")
    return cli


def show(cli, venue="Hudson House"):
    return json.loads(cli.ok("venue", "show", venue, "--json"))


def audited(cli):
    return len(cli.ok("audit", "--all").splitlines())


class TestSet:
    def test_an_access_point_comes_and_one_goes(self, house):
        house.ok("venue", "set", "Hudson House", "--add-nas-identifier", "hh-ap3", "--add-nas-identifier", "hh-ap2")
        assert show(house)["nas_identifiers"] == ["hh-ap1", "hh-ap2", "hh-ap3"]
        house.ok("venue", "set", "Hudson House", "--remove-nas-identifier", "hh-ap1")
        assert show(house)["nas_identifiers"] == ["hh-ap2", "hh-ap3"]
        said = house.refused("venue", "set", "Hudson House", "--remove-nas-identifier", "hh-ap9")
        assert said == "venue 'Hudson House' has no NAS-Identifier 'hh-ap9' (it has hh-ap2, hh-ap3)"

    def test_nas_identifiers_are_the_same_in_either_case(self, house):
        """VAULT stores them in upper case (4.10)."""
        house.ok("venue", "set", "Hudson House", "--add-nas-identifier", "HH-AP1", "--add-nas-identifier", "New")
        assert show(house)["nas_identifiers"] == ["New", "hh-ap1"]
        house.ok("venue", "add", "Other")
        said = house.refused("venue", "set", "Other", "--add-nas-identifier", "Hh-Ap1")
        assert said == "venue 'Other': NAS-Identifier 'Hh-Ap1' belongs to another venue, 'Hudson House'"
        house.ok("venue", "set", "Hudson House", "--remove-nas-identifier", "HH-AP1")
        assert show(house)["nas_identifiers"] == ["New"]
        house.ok("venue", "add", "Third", "--nas-identifier", "a1", "--nas-identifier", "A1")
        assert show(house, "Third")["nas_identifiers"] == ["a1"]

    def test_only_what_is_said_changes_and_empty_takes_it_away(self, house):
        said = [
            "--time-zone",
            "Europe/Berlin",
            "--vlans-wired",
            "100-199",
            "--external-id",
            "X1",
            "--allow-overlap",
            "no",
        ]
        house.ok("venue", "set", "Hudson House", *said)
        before = show(house)
        house.ok("venue", "set", "Hudson House", "--vlans-wireless", "200-4095")
        assert show(house) == before | {"vlans_wireless": "200-4095"}
        house.ok("venue", "set", "Hudson House", "--vlans-wired", "", "--time-zone", "", "--external-id", "")
        after = show(house)
        assert (after["vlans_wired"], after["time_zone"], after["external_id"]) == (None, None, None)
        assert (after["vlans_wireless"], after["allow_overlap"]) == ("200-4095", False)
        house.ok("venue", "set", "Hudson House", "--allow-overlap", "", "--name", "Hudson Mews")
        assert show(house, "Hudson Mews")["allow_overlap"] is None

    def test_nothing_said_is_usage(self, house):
        result = house.run("venue", "set", "Hudson House")
        assert result.exit_code == 2
        assert "say what is to change" in result.stderr

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--time-zone", "Europe/Berln"], "did you mean Europe/Berlin"),
            (["--vlans-wired", "0-10"], "VLAN range must lie in 1 to 4095"),
            (["--vlans-wired", "10-4096"], "VLAN range must lie in 1 to 4095"),
            (["--vlans-roaming", "9-5"], "VLAN range 9-5 ends before it begins"),
            (["--vlans-wired", "x"], "is not a VLAN range"),
            (["--wireless-only-vlan-offset", "4094"], "VLAN offset must be 0 to 4093, got 4094"),
            (["--wireless-only-vlan-offset", "-1"], "VLAN offset must be 0 to 4093, got -1"),
            (["--name", " "], "venue name is empty"),
            (["--name", "a\x07b"], "venue name has a character that is not printable"),
            (["--name", "\udcff"], "venue name has a character that is not printable"),
            (["--add-nas-identifier", "x" * 254], "NAS-Identifier has 254 octets, more than 253"),
            (["--external-id", "\n"], "external id is empty"),
            (["--platform-id", "Global"], "VenueID cannot be 'global'"),
            (["--platform-id", "LATCHKEY._V3VENUE_.OTHER.2"], "is that of venue 'Other'"),
            (["--name", "Other"], "there is a venue 'Other' already"),
        ],
    )
    def test_what_cannot_be_is_one_line_and_changes_nothing(self, house, options, said):
        house.ok("venue", "add", "Other")
        before, entries = show(house), audited(house)
        line = house.refused("venue", "set", "Hudson House", *options)
        assert line.startswith("venue 'Hudson House': ")
        assert said in line
        assert (show(house), audited(house)) == (before, entries)

    def test_a_wireless_only_offset_is_checked_against_all_units(self, house):
        """The sum is at most 4094 and no other unit's VLAN (4.5)."""
        house.ok("unit", "add", "Hudson House", "4A", "--vlan", "100")
        house.ok("unit", "add", "Hudson House", "4B", "--vlan", "1100")
        offset = "--wireless-only-vlan-offset"
        said = house.refused("venue", "set", "Hudson House", offset, "1000")
        assert "VLAN 100 and the offset of wireless-only plans make 1100, which is another unit's VLAN" in said
        assert "unit '4A'" in said
        said = house.refused("venue", "set", "Hudson House", offset, "3000")
        assert "VLAN 1100 and the offset of wireless-only plans, 3000, make 4100, more than 4094" in said
        house.ok("venue", "set", "Hudson House", offset, "2994")
        assert "make 4095, more than 4094" in house.refused("unit", "add", "Hudson House", "4C", "--vlan", "1101")
        said = house.refused("unit", "set", "4A", "--vlan", "4094")
        assert "unit '4A': " in said

    def test_dry_run_tells_and_keeps_nothing(self, house):
        before = show(house)
        said = house.ok("venue", "set", "Hudson House", "--time-zone", "Asia/Tokyo", "--dry-run")
        assert said == "would change venue 1 'Hudson House': time_zone none -> Asia/Tokyo\n"
        assert show(house) == before

    def test_it_is_found_by_every_id_it_has(self, house):
        house.ok("venue", "set", "Hudson House", "--external-id", "site 7")
        for text in ("site 7", "id:1", "LATCHKEY._V3VENUE_.HUDSONHOUSE.1"):
            assert show(house, text)["name"] == "Hudson House"
        house.ok("venue", "add", "site 8", "--platform-id", "site 7")
        assert show(house, "site 7")["name"] == "Hudson House"  # an external id goes before a VenueID (4.11)
        assert house.refused("venue", "add", "Elm", "--external-id", "site 7") == (
            "venue 'Elm': external id 'site 7' is that of venue 'Hudson House'"
        )


class TestRemove:
    @pytest.fixture
    def full(self, house):
        house.ok("pool", "add", "Residents")
        house.ok("unit", "add", "Hudson House", "4A", "--vlan", "104")
        house.ok("key", "add", "--unit", "4A", "--identity", "Ann")
        house.ok("key", "add", "--identity", "Bob")
        house.ok("nas", "add", "192.0.2.1", "--name", "aps", "--secret", "a long enough secret")
        return house

    def test_an_empty_one_just_goes(self, house):
        assert house.ok("venue", "remove", "Hudson House") == ""
        said = house.refused("venue", "show", "Hudson House")
        assert said.startswith("no venue 'Hudson House': it was removed ")
        assert "`latchkey undo 2` brings it back" in said
        house.ok("undo")
        assert show(house)["nas_identifiers"] == ["hh-ap1"]

    def test_a_full_one_is_refused_and_says_what_is_there(self, full):
        said = full.refused("venue", "remove", "Hudson House")
        assert said.startswith("venue 'Hudson House' has 1 unit, 2 keys (Residents), 1 NAS (aps): say --occupied=end")
        assert "--confirm DELETE-VENUE- and four of A-Z and 0-9" in said
        said = full.refused("venue", "remove", "Hudson House", "--occupied=end")
        assert said.startswith("venue 'Hudson House' has 1 unit, 2 keys (Residents), 1 NAS (aps): say --confirm")

    @pytest.mark.parametrize(
        "code", ["", "DELETE-VENUE-", "DELETE-VENUE-ab12", "DELETE-VENUE-AB123", "DELETE-UNIT-AB12"]
    )
    def test_a_confirmation_has_its_form(self, full, code):
        """Nobody issues the four characters, so that the form alone counts (4.47, 5.36)."""
        said = full.refused("venue", "remove", "Hudson House", "--occupied=end", "--confirm", code)
        assert f"{code!r} confirms nothing" in said

    def test_keys_end_and_stay_in_the_history(self, full):
        full.ok("venue", "remove", "Hudson House", "--occupied=end", "--confirm", "DELETE-VENUE-AB12")
        keys = json.loads(full.ok("key", "list", "--json"))
        assert [(key["identity"], key["unit"], key["state"].split()[0]) for key in keys] == [
            ("Ann", None, "expired"),
            ("Bob", None, "expired"),
        ]
        for group in ("venue", "unit", "nas"):
            assert json.loads(full.ok(group, "list", "--json")) == []
        full.ok("undo")
        keys = json.loads(full.ok("key", "list", "--json"))
        assert [(key["unit"], key["state"]) for key in keys] == [("4A", "valid"), (None, "valid")]
        assert [each["venue"] for each in json.loads(full.ok("nas", "list", "--json"))] == ["Hudson House"]

    def test_all_of_it_moves_to_another_venue(self, full):
        confirmed = ["--confirm", "DELETE-VENUE-AB12"]
        assert "say with --to VENUE" in full.refused("venue", "remove", "Hudson House", "--occupied=move", *confirmed)
        full.ok("venue", "add", "Elm", "--nas-identifier", "elm-1")
        full.ok("venue", "remove", "Hudson House", "--occupied=move", "--to", "Elm", *confirmed)
        assert show(full, "Elm")["nas_identifiers"] == ["elm-1", "hh-ap1"]
        (unit,) = json.loads(full.ok("unit", "list", "--json"))
        assert (unit["venue"], unit["vlan"]) == ("Elm", 104)
        assert unit["internal_id"] == "LATCHKEY._V3VENUE_.HUDSONHOUSE.1.4A.DEFAULT.DEFAULT"
        assert json.loads(full.ok("pool", "show", "Residents", "--json"))["venues"] == "Elm"
        assert json.loads(full.ok("nas", "show", "aps", "--json"))["venue"] == "Elm"
        assert [key["state"] for key in json.loads(full.ok("key", "list", "--json"))] == ["valid", "valid"]
        full.ok("undo")
        assert show(full)["units"] == 1
        assert show(full, "Elm")["nas_identifiers"] == ["elm-1"]

    def test_a_vlan_that_is_taken_there_stops_the_move(self, full):
        full.ok("venue", "add", "Elm")
        full.ok("unit", "add", "Elm", "9Z", "--vlan", "104")
        entries = audited(full)
        said = full.refused(
            "venue", "remove", "Hudson House", "--occupied=move", "--to", "Elm", "--confirm", "DELETE-VENUE-AB12"
        )
        assert said == (
            "unit '4A' of Hudson House has VLAN 104, which is that of unit '9Z' at Elm: give one of them another"
        )
        assert audited(full) == entries
        assert show(full)["units"] == 1


class TestOperator:
    def test_its_name_begins_what_platforms_call_keypools_and_plans(self, house):
        house.ok("pool", "add", "Residents", "--global")
        house.ok("plan", "add", "Basic 50")
        house.ok("operator", "set", "--name", "Acme", "--time-zone", "Europe/Berlin", "--allow-overlap", "no")
        assert json.loads(house.ok("operator", "show", "--json")) == {
            "name": "Acme",
            "time_zone": "Europe/Berlin",
            "allow_overlap": False,
        }
        shown = json.loads(house.ok("pool", "show", "Residents", "--json"))
        assert shown["platform_id"] == "Acme._V3SSID.Residents.global"
        shown = json.loads(house.ok("plan", "show", "Basic 50", "--json"))
        assert shown["platform_id"] == "Acme._V3SERVICEPLAN_.BASIC50"

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--name", ""], "OperatorID is empty"),
            (["--name", "a._V3SSID.b"], "OperatorID has V3SSID in it"),
            (["--time-zone", "Mars/Phobos"], "is not an IANA time zone"),
        ],
    )
    def test_what_cannot_be_is_refused(self, house, options, said):
        line = house.refused("operator", "set", *options)
        assert line.startswith("operator: ")
        assert said.strip("_") in line.replace("_V3SSID", "V3SSID")
