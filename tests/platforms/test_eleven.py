"""The Eleven test platform against the document's text (overview of the Resident Management API)."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from pcaps.platforms.building import Building, Unit
from tests.platforms.asking import ask, ask_json
from tests.platforms.eleven import Eleven

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
BEARER = {"Authorization": "Bearer eleven-token-1"}
SITE = "/team/T1/site/S1"
# "PAN Mapping Fields and Descriptions", table 1, and the terms of "Date and Time".
PAN_MAPPING = {"Building", "Floor", "Unit", "VLAN", "SSID", "Passphrase"}
TERMS = {"ActivationDate", "DeactivationDate", "ActivationDateUTC", "DeactivationDateUTC"}


def hudson():
    """Return the document's example: building Hudson, floor 1, units 100 to 103."""
    units = [Unit(f"u{n}", "Hudson", "1", str(n), n) for n in range(100, 104)]
    return Building("S1", "Hudson", "Hudson WiFi", "America/New_York", units, opens=time(6), closes=time(23, 59, 59))


def serve(building, **options):
    return Eleven([building], clock=options.pop("clock", lambda: NOW), **options)


def flat(mappings):
    return [
        {"Building": building["Building"], "Floor": floor["Floor"], **unit}
        for building in mappings["Buildings"]
        for floor in building["Floors"]
        for unit in floor["Units"]
    ]


def test_teams_consist_of_sites_which_contain_residents():
    building = hudson()
    resident = building.move_in("u100", building.newcomer(), date(2026, 1, 1))
    with serve(building) as platform:
        (team,) = ask_json(platform, "/team", BEARER)["Teams"]
        (site,) = ask_json(platform, f"/team/{team['TeamId']}/site", BEARER)["Sites"]
        path = f"/team/{team['TeamId']}/site/{site['SiteId']}/resident"
        (listed,) = ask_json(platform, path, BEARER)["Residents"]
        assert listed["ResidentId"] == resident.id
        assert ask_json(platform, f"{path}/{resident.id}", BEARER) == listed
        assert set(listed) >= TERMS


def test_mappings_have_the_tables_fields_and_the_examples_values():
    with serve(hudson()) as platform:
        mappings = ask_json(platform, f"{SITE}/mappings", BEARER)
    rows = flat(mappings)
    assert all(set(row) == PAN_MAPPING for row in rows)
    assert {(row["Building"], row["Floor"]) for row in rows} == {("Hudson", "1")}
    assert [row["Unit"] for row in rows] == ["100", "101", "102", "103"]
    assert {row["Passphrase"] for row in rows} == {None}  # a PPK-C site


def test_flat_mappings_hold_the_same_rows():
    with serve(hudson()) as nested, serve(hudson(), nested=False) as rows:
        assert ask_json(rows, f"{SITE}/mappings", BEARER)["Mappings"] == flat(
            ask_json(nested, f"{SITE}/mappings", BEARER)
        )


@pytest.mark.parametrize(("site_type", "given"), [("PPK-C", False), ("PPK-D", False), ("MDU", True)])
def test_passphrase_is_null_for_the_three_site_types(site_type, given):
    building = hudson()
    building.move_in("u100", building.newcomer(), date(2026, 1, 1), date(2026, 1, 31), passphrase="of who lives here")
    building.move_in("u100", building.newcomer(), date(2026, 2, 1), passphrase="of who comes next")
    with serve(building, site_type=site_type) as platform:
        rows = flat(ask_json(platform, f"{SITE}/mappings", BEARER))
    assert [row["Passphrase"] for row in rows] == ["of who lives here" if given else None, None, None, None]


def test_a_distributed_site_has_an_ssid_per_unit():
    with serve(hudson(), site_type="PPK-D") as platform:
        rows = flat(ask_json(platform, f"{SITE}/mappings", BEARER))
    assert len({row["SSID"] for row in rows}) == 4


def test_mdu_sso_has_buildings_alone():
    building = hudson()
    building.move_in("u100", building.newcomer(), date(2026, 1, 1))
    with serve(building, site_type="MDU SSO") as platform:
        assert ask_json(platform, f"{SITE}/mappings", BEARER) == {"Buildings": [{"Building": "Hudson", "Floors": []}]}
        (resident,) = ask_json(platform, f"{SITE}/resident", BEARER)["Residents"]
    assert "Unit" not in resident


def test_utc_and_site_local_dates_are_the_same_instants():
    building = hudson()
    building.move_in("u100", building.newcomer(), date(2026, 3, 7), date(2026, 3, 8))  # the clocks change on the 8th
    with serve(building) as platform:
        (resident,) = ask_json(platform, f"{SITE}/resident", BEARER)["Residents"]
    assert {name: resident[name] for name in TERMS} == {
        "ActivationDate": "2026-03-07T06:00:00",  # 6:00 am, the recommended time
        "DeactivationDate": "2026-03-08T23:59:59",
        "ActivationDateUTC": "2026-03-07T11:00:00.000Z",  # YYYY-MM-DDThh:mm:ss.000Z
        "DeactivationDateUTC": "2026-03-09T03:59:59.000Z",
    }


@pytest.mark.parametrize("open_end", ["", None])
def test_an_open_end_is_empty(open_end):
    building = hudson()
    building.move_in("u100", building.newcomer(), date(2026, 1, 1))
    with serve(building, open_end=open_end) as platform:
        (resident,) = ask_json(platform, f"{SITE}/resident", BEARER)["Residents"]
    assert resident["DeactivationDateUTC"] == open_end


def test_instants_can_look_as_in_the_example():
    building = hudson()
    building.move_in("u100", building.newcomer(), date(2021, 11, 9))
    with serve(building, offset=True) as platform:
        (resident,) = ask_json(platform, f"{SITE}/resident", BEARER)["Residents"]
    assert resident["ActivationDateUTC"] == "2021-11-09T11:00:00.000000+00:00"


def test_a_resident_is_scheduled_then_pending_then_current_then_gone():
    building = hudson()
    resident = building.move_in("u100", building.newcomer(), date(2026, 2, 1), date(2026, 2, 10))
    times = [resident.starts - timedelta(1), resident.starts, resident.starts + timedelta(1), resident.ends]
    now = [times[0]]
    with serve(building, clock=lambda: now[0]) as platform:
        seen = []
        for now[0] in times:
            seen.append(ask_json(platform, f"{SITE}/resident/{resident.id}", BEARER)["Status"])
        now[0] = resident.ends + timedelta(40)
        assert ask(platform, f"{SITE}/resident/{resident.id}", BEARER)[0] == 404
        assert ask_json(platform, f"{SITE}/resident", BEARER) == {"Residents": []}
    assert seen[:3] == ["Scheduled", "Pending", "Current"]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"{SITE}/resident", {}, 403),
        (f"{SITE}/resident", {"Authorization": "Bearer wrong"}, 403),
        (f"{SITE}/resident", {"Authorization": "eleven-token-1"}, 403),
        (f"{SITE}/resident/nobody", BEARER, 404),
        ("/team/T1/site/S9/resident", BEARER, 404),
        ("/team/T9/site", BEARER, 404),
        ("/teams", BEARER, 404),
        (f"{SITE}/resident?page=1", BEARER, 400),  # no pagination
    ],
)
def test_errors_have_the_documents_statuses(path, headers, status):
    with serve(hudson()) as platform:
        assert ask(platform, path, headers)[0] == status


def test_members_can_be_spelled_otherwise():
    with serve(hudson(), spelled=str.lower) as platform:
        mappings = ask_json(platform, f"{SITE}/mappings", BEARER)
    assert mappings["buildings"][0]["floors"][0]["units"][0]["vlan"] == 100
