"""Eleven: what its rules, its traps and the readings of its contradictions make of its answers."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioning.platforms import PLATFORMS, Answer, Known, PlatformError, Refused, Unavailable, Unreadable
from provisioning.sync import Kind, Reading, SaidKey, SaidPool, SaidSubscriber, SaidUnit, SaidVenue, Standing
from tests.provisioning.platforms.drive import Turns, drive, make_settings

EXAMPLES = Path(__file__).parent / "examples"
MAPPINGS = json.loads((EXAMPLES / "mappings-ppk-c.json").read_text("utf-8"))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ALL = (Kind.UNIT, Kind.POOL, Kind.KEY, Kind.SUBSCRIBER)


def resident(id_="R1", unit="100", **members):
    return {
        "ResidentId": id_,
        "Status": "Current",
        "Building": "Hudson",
        "Floor": "1",
        "Unit": unit,
        "ActivationDateUTC": "2026-11-01T11:00:00.000Z",
        "DeactivationDateUTC": None,
        **members,
    }


def row(unit="100", **members):
    return {
        "Building": "Hudson",
        "Floor": "1",
        "Unit": unit,
        "VLAN": 100,
        "SSID": "Hudson House",
        "Passphrase": None,
    } | (members)


def answers(residents=(), mappings=MAPPINGS, **others):
    return {
        "/team": {"Teams": [{"TeamId": "T1"}]},
        "/team/T1/site": {"Sites": [{"SiteId": "S1", "SiteName": "Hudson House", "SiteType": "PPK-C"}]},
        "/team/T1/site/S1/mappings": mappings,
        "/team/T1/site/S1/resident": {"Residents": list(residents)},
        **others,
    }


def read(platform, *, known=(), requests=None, at=NOW, **settings):
    reading = Reading("hudson", "eleven", at)
    settings = make_settings("eleven", **{"name": "hudson", "token": "token-1", "sites": ("T1/S1",), **settings})
    drive(PLATFORMS["eleven"](settings).read(reading, Known(keys=frozenset(known))), platform, requests)
    return reading


def keys(reading):
    return {key.id: key for key in reading.all(SaidKey)}


def units(reading):
    return {unit.id: unit for unit in reading.all(SaidUnit)}


def faults(reading):
    return [str(fault) for fault in reading.faults]


def test_the_example_of_the_document_becomes_a_venue_with_four_units_on_one_ssid():
    reading = read(answers([resident()]))
    assert list(reading.all(SaidVenue)) == [SaidVenue(id="S1", name="Hudson House")]
    assert list(units(reading)) == [f"S1/Hudson/1/{n}" for n in (100, 101, 102, 103)]
    assert [unit.vlan for unit in units(reading).values()] == [100, 101, 102, 103]
    assert units(reading)["S1/Hudson/1/100"] == SaidUnit(
        id="S1/Hudson/1/100", venue="S1", name="100", building="Hudson", floor="1", vlan=100
    )
    assert list(reading.all(SaidPool)) == [SaidPool(id="S1/Hudson House", ssid="Hudson House", venues=("S1",))]
    assert keys(reading) == {
        "S1/R1": SaidKey(
            id="S1/R1",
            venue="S1",
            pool="S1/Hudson House",
            unit="S1/Hudson/1/100",
            subscriber="S1/R1",
            starts=datetime(2026, 11, 1, 11, tzinfo=UTC),
        )
    }
    assert [(each.id, each.name) for each in reading.all(SaidSubscriber)] == [("S1/R1", "R1")]
    assert all(reading.is_complete("S1", kind) for kind in ALL)
    assert reading.is_whole
    assert not reading.faults


# Transport and calls.


def test_the_token_goes_as_bearer_and_the_paths_are_the_documents():
    requests = []
    read(answers(), requests=requests)
    assert [request.path for request in requests] == [
        "/team/T1/site",
        "/team/T1/site/S1/mappings",
        "/team/T1/site/S1/resident",
    ]
    for request in requests:
        assert dict(request.headers) == {"Authorization": "Bearer token-1", "Content-Type": "application/json"}
        assert "token-1" not in repr(request)


@pytest.mark.parametrize("status", [403, 401])
def test_403_and_401_lead_to_one_new_token_and_one_repetition(status):
    tokens = iter(["token-1", "token-2"])
    requests = []

    def answer(request):
        good = dict(request.headers)["Authorization"] == "Bearer token-2"
        return answers([resident()])[request.path] if good else status

    reading = read(answer, token=lambda: next(tokens), requests=requests)
    assert list(keys(reading)) == ["S1/R1"]
    assert len(requests) == 4


def test_403_after_the_new_token_stops():
    requests = []
    with pytest.raises(Refused, match="HTTP 403"):
        read(lambda _: 403, requests=requests)
    assert [request.path for request in requests].count("/team/T1/site/S1/resident") == 2


def test_a_token_that_expires_between_two_lists_is_renewed_for_the_one_that_was_refused():
    reading = read(answers(**{"/team/T1/site/S1/resident": Turns(403, {"Residents": [resident()]})}))
    assert list(keys(reading)) == ["S1/R1"]
    assert reading.is_whole


def test_no_token_is_one_clear_refusal():
    with pytest.raises(Refused, match="no token is configured"):
        read(answers(), token=None)


@pytest.mark.parametrize("status", [400, 404, 406, 500])
def test_a_site_that_cannot_be_read_costs_itself_alone(status):
    platform = answers(
        [resident()],
        **{"/team/T1/site/S2/mappings": status, "/team/T1/site/S2/resident": {"Residents": []}},
    )
    reading = read(platform, sites=("T1/S2", "T1/S1"))
    assert list(keys(reading)) == ["S1/R1"]
    assert reading.is_complete("S1", Kind.KEY)
    assert not reading.is_complete("S2", Kind.KEY)
    assert not reading.is_whole
    assert faults(reading) == [f"eleven, S2: PAN mappings of site S2: HTTP {status}"]


def test_one_site_that_does_not_answer_is_an_error():
    platform = answers(**{"/team/T1/site/S1/resident": Unavailable("residents of site S1: no answer")})
    with pytest.raises(Unavailable, match="residents of site S1"):
        read(platform)


def test_check_reads_a_real_unit():
    def check(platform, **settings):
        settings = make_settings("eleven", **{"token": "t", "sites": ("T1/S1",), **settings})
        return drive(PLATFORMS["eleven"](settings).check(), platform)

    assert check(answers([resident()])) == [
        "sites: S1",
        "site S1, units: 4, residents: 1",
        "the first unit: Hudson, 1, 100, VLAN 100",
    ]
    with pytest.raises(Unreadable, match="not one unit can be read"):
        check(answers(mappings={"Mappings": []}))
    with pytest.raises(Refused, match="HTTP 403"):
        check(lambda _: 403)


# Which sites.


def two_teams(residents=()):
    return {
        "/team": {"Teams": [{"TeamId": "T1"}, {"TeamId": 2}]},
        "/team/T1/site": {"Sites": [{"SiteId": "S1", "SiteName": "Hudson"}, {"SiteId": "S2"}]},
        "/team/2/site": {"Sites": [{"SiteId": "S1", "SiteName": "Harbour"}]},
        **{
            f"/team/{team}/site/{site}/{list_}": MAPPINGS if list_ == "mappings" else {"Residents": list(residents)}
            for team, site in (("T1", "S1"), ("T1", "S2"), ("2", "S1"))
            for list_ in ("mappings", "resident")
        },
    }


def test_without_sites_all_that_can_be_listed_are_read():
    reading = read(two_teams([resident()]), sites=())
    assert {venue.id: venue.name for venue in reading.all(SaidVenue)} == {
        "T1/S1": "Hudson",
        "S2": "S2",
        "2/S1": "Harbour",
    }
    assert set(keys(reading)) == {"T1/S1/R1", "S2/R1", "2/S1/R1"}
    assert reading.is_whole


def test_a_site_alone_is_found_by_listing():
    reading = read(two_teams(), sites=("S2",))
    assert [venue.id for venue in reading.all(SaidVenue)] == ["S2"]


def test_a_site_that_two_teams_have_must_be_named_with_its_team():
    reading = read(two_teams(), sites=("S1", "S2"))
    assert [venue.id for venue in reading.all(SaidVenue)] == ["S2"]
    assert faults(reading) == ["eleven, S1: teams T1 and 2 have a site of this id: write TeamId/SiteId"]
    assert not reading.is_whole
    with pytest.raises(Refused, match="none of the sites"):
        read(two_teams(), sites=("S1",))


def test_one_site_of_two_keeps_its_plain_id_where_only_it_is_read():
    assert [venue.id for venue in read(two_teams(), sites=("T1/S1",)).all(SaidVenue)] == ["S1"]


def test_a_site_that_nobody_lists_is_told():
    with pytest.raises(Refused, match="none of the sites in the configuration"):
        read(two_teams(), sites=("S9",))


@pytest.mark.parametrize("entry", ["/S1", "T1/", "a/b/c", " "])
def test_a_site_is_written_with_one_slash_or_none(entry):
    with pytest.raises(Refused, match="neither TeamId/SiteId nor SiteId"):
        read(two_teams(), sites=(entry,))


def test_a_team_whose_sites_cannot_be_listed_costs_its_own():
    reading = read(two_teams() | {"/team/2/site": 500}, sites=())
    assert {venue.id for venue in reading.all(SaidVenue)} == {"S1", "S2"}
    assert reading.is_complete("S1", Kind.KEY)
    assert not reading.is_whole


def test_a_name_that_cannot_be_asked_for_now_is_left_as_it_is():
    reading = read(answers([resident()], **{"/team/T1/site": Unavailable("sites of team T1: no answer")}))
    assert reading.get(SaidVenue, "S1") is None
    assert reading.saw(Kind.VENUE, "S1")
    assert list(keys(reading)) == ["S1/R1"]


def test_without_a_list_of_sites_a_site_is_called_by_its_id():
    reading = read(answers(**{"/team/T1/site": 404}))
    assert reading.get(SaidVenue, "S1").name == "S1"


def test_two_sites_of_one_name_are_told_apart_by_their_ids():
    platform = two_teams() | {"/team/2/site": {"Sites": [{"SiteId": "S3", "SiteName": "Hudson"}]}}
    platform |= {"/team/2/site/S3/mappings": MAPPINGS, "/team/2/site/S3/resident": {"Residents": []}}
    reading = read(platform, sites=())
    assert {venue.name for venue in reading.all(SaidVenue)} == {"Hudson (S1)", "S2", "Hudson (S3)"}


def test_ids_are_opaque_in_paths():
    requests = []
    reading = read(lambda _: {"Residents": [], "Buildings": [], "Sites": []}, sites=("T 1/Ä%2",), requests=requests)
    assert requests[1].path == "/team/T%201/site/%C3%84%252/mappings"
    assert [venue.id for venue in reading.all(SaidVenue)] == ["Ä%252"]


# Traps.


def test_t1_two_overlapping_residents_in_one_unit_are_both_held_back():
    reading = read(
        answers(
            [
                resident("R1", DeactivationDateUTC="2026-12-01T00:00:00.000Z"),
                resident("R2", ActivationDateUTC="2026-11-30T00:00:00.000Z"),
                resident("R3", "101"),
            ]
        )
    )
    assert list(keys(reading)) == ["S1/R3"]
    assert reading.saw(Kind.KEY, "S1/R1")
    assert reading.saw(Kind.KEY, "S1/R2")
    assert faults(reading) == [
        "eleven, S1, key S1/R2: in its unit at the same time as resident R1: neither is changed",
        "eleven, S1, key S1/R1: in its unit at the same time as resident R2: neither is changed",
    ]
    assert reading.is_complete("S1", Kind.KEY)


def test_t1_one_long_stay_overlaps_all_that_lie_in_it():
    reading = read(
        answers(
            [
                resident("R1", ActivationDateUTC="2026-01-01T00:00:00Z"),
                resident("R2", ActivationDateUTC="2026-02-01T00:00:00Z", DeactivationDateUTC="2026-03-01T00:00:00Z"),
                resident("R3", ActivationDateUTC="2026-04-01T00:00:00Z", DeactivationDateUTC="2026-05-01T00:00:00Z"),
            ]
        )
    )
    assert not keys(reading)


def test_t2_one_who_moved_out_without_an_end_stays_until_the_platform_says_so():
    reading = read(answers([resident(DeactivationDateUTC="")]), known=["S1/R1"])
    assert keys(reading)["S1/R1"].ends is None
    assert keys(reading)["S1/R1"].standing is Standing.ACTIVE
    ended = read(answers([resident(Status="Terminated")]), known=["S1/R1"])
    assert keys(ended)["S1/R1"].standing is Standing.ENDED
    assert keys(ended)["S1/R1"].reason == "Terminated"


@pytest.mark.parametrize(
    ("members", "field", "text"),
    [
        ({"ActivationDateUTC": None}, "ActivationDateUTC", "is empty"),
        ({"ActivationDateUTC": ""}, "ActivationDateUTC", "is empty"),
        ({"DeactivationDateUTC": "2026-11-01T11:00:00Z"}, "DeactivationDateUTC", "is not after ActivationDateUTC"),
        ({"DeactivationDateUTC": "2026-10-01T11:00:00Z"}, "DeactivationDateUTC", "is not after ActivationDateUTC"),
    ],
)
def test_t3_an_empty_start_or_an_end_before_it_is_refused_with_its_id(members, field, text):
    reading = read(answers([resident("R1", **members), resident("R2", "101")]))
    assert list(keys(reading)) == ["S1/R2"]
    assert reading.saw(Kind.KEY, "S1/R1")
    assert faults(reading) == [f"eleven, S1, key S1/R1, {field}: {text}"]


def test_t4_a_new_record_that_began_long_ago_and_has_no_end_is_warned_of():
    old = resident("R1", ActivationDateUTC="2024-01-01T00:00:00Z")
    reading = read(answers([old]))
    assert list(keys(reading)) == ["S1/R1"]
    assert "added with dates in the past, a resident loses the end" in faults(reading)[0]
    assert not read(answers([old]), known=["S1/R1"]).faults
    assert not read(answers([old | {"DeactivationDateUTC": "2027-01-01T00:00:00Z"}])).faults


def test_t4_of_many_there_is_one_warning():
    rows = [row(str(n)) for n in range(50)]
    old = [resident(f"R{n}", str(n), ActivationDateUTC="2024-01-01T00:00:00Z") for n in range(50)]
    reading = read(answers(old, {"Mappings": rows}))
    assert len(keys(reading)) == 50
    assert faults(reading) == [
        "eleven, S1, DeactivationDateUTC: 50 residents are new here, began long ago and have no end: R0, R1, R2, ..."
        " (added with dates in the past, a resident loses the end)"
    ]


def test_t4_of_the_first_residents_of_a_site_there_is_one_warning():
    old = [resident(f"R{n}", f"10{n}", ActivationDateUTC="2024-01-01T00:00:00Z") for n in range(4)]
    reading = read(answers(old))
    assert len(keys(reading)) == 4
    assert ["4 residents are new here" in text for text in faults(reading)] == [True]
    later = read(answers(old), known=["S1/R3"])
    assert [fault.record for fault in later.faults] == ["S1/R0", "S1/R1", "S1/R2"]


def test_t5_an_end_that_the_platform_ignored_is_no_end():
    reading = read(
        answers([resident(Status="Current", DeactivationDateUTC=None, DeactivationDate="2026-11-10T23:59:59")])
    )
    assert keys(reading)["S1/R1"].ends is None


def test_t6_the_utc_fields_make_the_window_whatever_the_local_ones_say():
    reading = read(
        answers(
            [
                resident(
                    ActivationDate="2026-11-05T06:00:00",
                    DeactivationDateUTC="2026-12-01T04:59:59.000Z",
                    DeactivationDate="2027-11-30T23:59:59",
                )
            ]
        ),
        timezone="America/New_York",
    )
    assert keys(reading)["S1/R1"].starts == datetime(2026, 11, 1, 11, tzinfo=UTC)
    assert keys(reading)["S1/R1"].ends == datetime(2026, 12, 1, 4, 59, 59, tzinfo=UTC)
    assert reading.get(SaidVenue, "S1").time_zone == "America/New_York"


def local(**members):
    record = {name: value for name, value in resident().items() if not name.endswith("UTC")}
    return record | {"ActivationDate": "2026-10-01T06:00:00", **members}


def test_t6_local_dates_count_in_the_configured_zone_where_those_in_utc_are_absent():
    platform = answers([local(DeactivationDate="2026-12-31T23:59:59")])
    key = keys(read(platform, timezone="America/New_York"))["S1/R1"]
    assert key.starts == datetime(2026, 10, 1, 10, tzinfo=UTC)
    assert key.ends == datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC)
    reading = read(platform)
    assert not keys(reading)
    assert faults(reading) == [
        "eleven, S1, key S1/R1, ActivationDate: ActivationDateUTC is not there,"
        " and for the local date a timezone must be set"
    ]


def test_t7_a_local_hour_is_another_instant_after_the_clocks_change():
    def starts(text):
        return keys(read(answers([local(ActivationDate=text)]), timezone="America/New_York"))["S1/R1"].starts

    assert starts("2026-10-31T06:00:00") == datetime(2026, 10, 31, 10, tzinfo=UTC)
    assert starts("2026-11-01T06:00:00") == datetime(2026, 11, 1, 11, tzinfo=UTC)  # that night clocks went back


def test_t7_a_local_day_without_an_hour_ends_with_that_day():
    reading = read(
        answers(
            [local(**{"Access Start Date": "2026-10-01", "Access End Date": "2026-11-01"}) | {"ActivationDate": None}]
        ),
        timezone="America/New_York",
    )
    assert not keys(reading)  # ActivationDate is the same thing, and empty
    record = local(**{"Access Start Date": "2026-10-01", "Access End Date": "2026-11-01"})
    del record["ActivationDate"]
    key = keys(read(answers([record]), timezone="America/New_York"))["S1/R1"]
    assert key.starts == datetime(2026, 10, 1, 4, tzinfo=UTC)
    assert key.ends == datetime(2026, 11, 2, 5, tzinfo=UTC)


def test_t8_a_passphrase_of_null_is_none_and_one_that_is_given_is_taken():
    platform = answers(
        [resident("R1", "100"), resident("R2", "101"), resident("R3", "102")],
        {"Mappings": [row("100"), row("101", Passphrase="given-by-eleven"), row("102", Passphrase="")]},
    )
    reading = read(platform)
    assert [key.passphrase for key in keys(reading).values()] == [None, b"given-by-eleven", None]
    assert "given-by-eleven" not in repr(list(reading.all(SaidKey)))


@pytest.mark.parametrize("passphrase", ["short", "x" * 64, "grüße-aus-hudson", "tab\tin-between"])
def test_t8_a_passphrase_that_is_none_costs_its_resident_alone_and_is_not_repeated(passphrase):
    reading = read(
        answers([resident("R1"), resident("R2", "101")], {"Mappings": [row("100", Passphrase=passphrase), row("101")]})
    )
    assert list(keys(reading)) == ["S1/R2"]
    assert faults(reading) == [
        "eleven, S1, key S1/R1, Passphrase: that of its unit is not 8 to 63 printable ASCII characters"
    ]
    assert not any(passphrase in text for text in faults(reading))


def test_t8_the_passphrase_of_a_unit_is_not_given_to_who_follows():
    mappings = {"Mappings": [row(Passphrase="given-by-eleven")]}
    gone = resident("R0", Status="Deactivated", ActivationDateUTC="2026-01-01T00:00:00Z") | (
        {"DeactivationDateUTC": "2026-10-01T00:00:00Z"}
    )
    now = resident("R1", DeactivationDateUTC="2026-12-01T00:00:00Z")
    next_ = resident("R2", Status="Scheduled", ActivationDateUTC="2026-12-02T00:00:00Z")
    found = {
        key.id: key.passphrase for key in keys(read(answers([next_, now, gone], mappings), known=["S1/R0"])).values()
    }
    assert found == {"S1/R1": b"given-by-eleven", "S1/R0": None}
    # One whose key is there keeps its own, and is still kept up to date.
    assert keys(read(answers([next_, now], mappings), known=["S1/R2"]))["S1/R2"].passphrase is None
    # In an empty unit it is that of who comes first; after the change, of who lives there.
    for at in (NOW, NOW + timedelta(days=30)):
        assert keys(read(answers([next_], mappings), at=at))["S1/R2"].passphrase == b"given-by-eleven"
    later = read(answers([now, next_], mappings), at=NOW + timedelta(days=30))
    assert keys(later)["S1/R2"].passphrase == b"given-by-eleven"


def test_t9_an_mdu_sso_site_is_reported_and_skipped():
    buildings = {"Buildings": [{"Building": "A", "Passphrase": None}, {"Building": "B", "Floors": None}]}
    for platform in (
        answers([{"ResidentId": "R1"}], buildings),
        answers(**{"/team/T1/site": {"Sites": [{"SiteId": "S1", "SiteType": "mdu  SSO"}]}}),
    ):
        reading = read(platform)
        assert not keys(reading)
        assert not units(reading)
        assert faults(reading) == [
            "eleven, S1: residents sign on at an identity provider (MDU SSO), without keys: it is left out"
        ]
        assert not reading.is_complete("S1", Kind.KEY)
        assert reading.is_whole


def test_t9_mappings_without_units_where_there_are_keys_are_no_reason_to_end_any():
    reading = read(answers([], {"Buildings": [{"Building": "A"}]}), known=["S1/R1"])
    assert reading.is_doubtful("S1")
    assert not reading.is_whole


def test_t10_ppk_d_has_one_keypool_for_each_ssid():
    rows = [row("100", SSID="H-100"), row("101", SSID="H-101")]
    reading = read(answers([resident("R1", "100"), resident("R2", "101")], {"Mappings": rows}))
    assert [pool.id for pool in reading.all(SaidPool)] == ["S1/H-100", "S1/H-101"]
    assert [key.pool for key in keys(reading).values()] == ["S1/H-100", "S1/H-101"]


def test_t11_units_of_one_name_are_told_apart_by_building_and_floor():
    rows = [
        row("100", Building="A", Floor="1"),
        row("100", Building="A", Floor="2"),
        row("100", Building="A/1", Floor=None),
        row("100", Building=None, Floor="A/1"),
    ]
    people = [resident(f"R{n}", "100", Building=r["Building"], Floor=r["Floor"]) for n, r in enumerate(rows)]
    reading = read(answers(people, {"Mappings": rows}))
    assert [key.unit for key in keys(reading).values()] == [
        "S1/A/1/100",
        "S1/A/2/100",
        "S1/A%2F1//100",
        "S1//A%2F1/100",
    ]
    assert len(units(reading)) == 4


def test_t11_a_resident_without_building_and_floor_is_placed_only_where_one_unit_is_meant():
    bare = {name: value for name, value in resident().items() if name not in ("Building", "Floor")}
    assert keys(read(answers([bare])))["S1/R1"].unit == "S1/Hudson/1/100"
    reading = read(answers([bare], {"Mappings": [row(), row(Floor="2")]}))
    assert not keys(reading)
    assert "unit 100 is not among the PAN mappings as it is spelled" in faults(reading)[0]


@pytest.mark.parametrize(
    "members", [{"Building": "hudson"}, {"Building": "Hudson "}, {"Unit": " 100"}, {"Floor": None}]
)
def test_t12_names_are_compared_as_they_are_spelled(members):
    reading = read(answers([resident(**members)]))
    assert not keys(reading)
    assert reading.saw(Kind.KEY, "S1/R1")
    assert "not among the PAN mappings as it is spelled" in faults(reading)[0]


def test_t13_only_what_reads_is_ever_asked():
    requests = []
    read(answers([resident()]), known=["S1/R9"], requests=requests)
    assert {request.method for request in requests} == {"GET"}
    assert all(request.body is None for request in requests)


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_t14_a_list_that_is_cut_short_never_looks_like_a_short_list(cut):
    body = json.dumps({"Residents": [resident("R1"), resident("R2", "101")]}).encode()[:-cut]
    with pytest.raises(Unreadable, match="residents of site S1: the answer is not JSON"):
        read(answers(**{"/team/T1/site/S1/resident": body}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><p>",
        b"null",
        b"{}",
        b'{"Residents": null}',
        b'{"message": "ok"}',
        b'"x"',
        b"5",
        b"\xff\xfe",
    ],
)
def test_t14_what_has_no_list_is_no_empty_list(body):
    for list_ in ("resident", "mappings"):
        with pytest.raises(Unreadable):
            read(answers(**{f"/team/T1/site/S1/{list_}": body}))


def test_t14_a_total_that_is_not_reached_or_a_second_page_makes_a_list_partial():
    for more in ({"Total": 3}, {"next": "https://api.example.net/v2?page=2"}, {"hasMore": True}):
        reading = read(answers(**{"/team/T1/site/S1/resident": {"Residents": [resident()], **more}}))
        assert list(keys(reading)) == ["S1/R1"]
        assert reading.is_doubtful("S1")
    assert read(answers(**{"/team/T1/site/S1/resident": {"Residents": [resident()], "Total": 1}})).is_whole


def test_one_who_is_listed_twice_makes_a_list_partial():
    reading = read(answers([resident("R1"), resident("R1"), resident("R2", "101")]))
    assert set(keys(reading)) == {"S1/R1", "S1/R2"}
    assert reading.is_doubtful("S1")
    differing = read(answers([resident("R1"), resident("R1", "101"), resident("R2", "102")]))
    assert set(keys(differing)) == {"S1/R2"}
    assert differing.saw(Kind.KEY, "S1/R1")
    assert differing.is_doubtful("S1")


def test_a_unit_that_is_mapped_twice_makes_the_site_partial():
    reading = read(answers([resident()], {"Mappings": [row(), row(), row("101"), row("101", VLAN=7)]}))
    assert list(units(reading)) == ["S1/Hudson/1/100"]
    assert reading.saw(Kind.UNIT, "S1/Hudson/1/101")
    assert reading.is_doubtful("S1")


def test_one_whom_the_list_lacks_but_who_is_there_alone_makes_it_partial():
    platform = answers(
        [resident("R1")],
        **{"/team/T1/site/S1/resident/R2": resident("R2", "101"), "/team/T1/site/S1/resident/R3": 404},
    )
    reading = read(platform, known=["S1/R1", "S1/R2", "S1/R3", "S2/R4", "S1/S2/R5"])
    assert set(keys(reading)) == {"S1/R1", "S1/R2"}
    assert not reading.saw(Kind.KEY, "S1/R3")
    assert reading.is_doubtful("S1")
    assert faults(reading) == ["eleven, S1: the list of residents lacks R2, who is there: it is not all of them"]


def test_one_who_is_nowhere_any_more_is_missing_from_a_complete_reading():
    requests = []
    reading = read(answers([]), known=[f"S1/R{n}" for n in range(100)], requests=requests)
    assert reading.is_complete("S1", Kind.KEY)
    assert not reading.saw(Kind.KEY, "S1/R3")
    assert len(requests) == 3 + 32


# States.


@pytest.mark.parametrize(
    ("word", "standing"),
    [
        ("Current", Standing.ACTIVE),
        ("PENDING", Standing.ACTIVE),
        ("scheduled", Standing.ACTIVE),
        (None, Standing.ACTIVE),
        ("Deactivated", Standing.ENDED),
        ("terminated", Standing.ENDED),
        ("Purged", Standing.ENDED),
        ("Frozen", Standing.UNKNOWN),
    ],
)
def test_states_follow_the_words(word, standing):
    reading = read(answers([resident(Status=word)]))
    assert keys(reading)["S1/R1"].standing is standing
    assert len(reading.faults) == (standing is Standing.UNKNOWN)


def test_scheduled_is_a_window_to_come():
    reading = read(answers([resident(Status="Scheduled", ActivationDateUTC="2027-01-01T11:00:00.000Z")]))
    assert keys(reading)["S1/R1"].starts == datetime(2027, 1, 1, 11, tzinfo=UTC)


def test_one_who_was_terminated_ends_whatever_else_is_wrong():
    reading = read(answers([resident(Status="Terminated", Unit=None, ActivationDateUTC=None)]), known=["S1/R1"])
    assert keys(reading)["S1/R1"].standing is Standing.ENDED
    assert not reading.faults


def test_an_end_that_is_past_counts_whatever_the_word_and_wherever_the_unit_went():
    past = {"DeactivationDateUTC": "2026-11-20T00:00:00.000Z"}
    for record in (resident(Status="Moved away", **past), resident(Unit="999", **past), resident(Unit=None, **past)):
        assert keys(read(answers([record]), known=["S1/R1"]))["S1/R1"].standing is Standing.ENDED
    to_come = resident(Unit="999", DeactivationDateUTC="2026-11-22T00:00:00.000Z")
    assert not keys(read(answers([to_come]), known=["S1/R1"]))


# Contradictions.


@pytest.mark.parametrize(
    "text",
    [
        "2021-11-09T05:19:18.490939+00:00",
        "2021-11-09T05:19:18.000Z",
        "2021-11-09T06:19:18+0100",
        "2021-11-08T18:19:18-11",
    ],
)
def test_x1_any_iso_8601_with_an_offset_is_read(text):
    reading = read(answers([resident(ActivationDateUTC=text)]), known=["S1/R1"])
    assert keys(reading)["S1/R1"].starts == datetime(2021, 11, 9, 5, 19, 18, tzinfo=UTC)


@pytest.mark.parametrize("value", ["2021-11-09T05:19:18", "yesterday", 5, {"unexpected": []}, []])
def test_x1_what_is_no_such_instant_costs_its_record_alone(value):
    reading = read(answers([resident("R1", ActivationDateUTC=value), resident("R2", "101")]))
    assert list(keys(reading)) == ["S1/R2"]
    assert reading.saw(Kind.KEY, "S1/R1")
    assert reading.is_doubtful("S1")
    assert str(reading.faults[0]).startswith("eleven, S1, key S1/R1, ActivationDateUTC: is ")


def test_x2_building_names_the_building():
    assert units(read(answers()))["S1/Hudson/1/100"].building == "Hudson"


def test_x3_the_deactivation_date_ends():
    key = keys(read(answers([resident(DeactivationDateUTC="2026-12-31T23:59:59.000Z")])))["S1/R1"]
    assert key.ends == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_x4_today_is_an_instant_not_later_than_now():
    early, late = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    for at in (early, late):
        key = keys(read(answers([resident(ActivationDateUTC=at.isoformat())])))["S1/R1"]
        assert key.starts == at


def test_x5_a_mapping_without_a_unit_beside_others_with_one_cannot_be_read():
    reading = read(answers([resident()], {"Mappings": [row(), {"Building": "Hudson"}]}))
    assert list(keys(reading)) == ["S1/R1"]
    assert faults(reading) == ["eleven, S1, Unit: is missing: a mapping (Building Hudson)"]
    assert reading.is_doubtful("S1")


@pytest.mark.parametrize("type_", ["PPK-C", "PPK-D", "something else", None])
def test_x6_the_passphrase_decides_and_not_the_name_of_the_type(type_):
    platform = answers(
        [resident("R1"), resident("R2", "101")],
        {"Mappings": [row(), row("101", Passphrase="given-by-eleven")]},
        **{"/team/T1/site": {"Sites": [{"SiteId": "S1", "SiteType": type_}]}},
    )
    assert [key.passphrase for key in keys(read(platform)).values()] == [None, b"given-by-eleven"]


def test_x7_a_unit_is_free_from_the_very_end_of_who_lived_there():
    reading = read(
        answers(
            [
                resident("R1", DeactivationDateUTC="2026-12-01T00:00:00.000Z"),
                resident("R2", ActivationDateUTC="2026-12-01T00:00:00.000Z"),
            ]
        )
    )
    assert set(keys(reading)) == {"S1/R1", "S1/R2"}
    assert not reading.faults


def test_x8_an_unknown_status_keeps_the_stored_state_and_is_reported():
    reading = read(answers([resident(Status="In Limbo")]))
    assert keys(reading)["S1/R1"].standing is Standing.UNKNOWN
    assert faults(reading) == [
        "eleven, S1, key S1/R1, Status: In Limbo is a word that no document has: its state stays as it is stored"
    ]
    assert reading.is_complete("S1", Kind.KEY)


FLAT = [row("100", Building="A", Floor="1"), row("101", Building="A", Floor="2"), row("102", Building="B", Floor=None)]


@pytest.mark.parametrize("spelled", [str, str.lower, str.upper, lambda name: f"{name[0].lower()}{name[1:]}"])
@pytest.mark.parametrize("shape", ["nested", "flat", "bare", "wrapped"])
def test_x11_mappings_are_read_in_any_case_nested_or_flat(shape, spelled):
    leaf = [{name: value for name, value in each.items() if name not in ("Building", "Floor")} for each in FLAT]
    shapes = {
        "nested": {
            "Buildings": [
                {"Building": "A", "Floors": [{"Floor": "1", "Units": [leaf[0]]}, {"Floor": "2", "Units": [leaf[1]]}]},
                {"Name": "B", "Units": [leaf[2]]},
            ]
        },
        "flat": {"Mappings": FLAT},
        "bare": FLAT,
        "wrapped": {"data": {"PanMappings": FLAT}},
    }

    def respell(value):
        if isinstance(value, dict):
            return {spelled(name): respell(member) for name, member in value.items()}
        return [respell(member) for member in value] if isinstance(value, list) else value

    reading = read(answers([respell(resident("R1", "102", Building="B", Floor=None))], respell(shapes[shape])))
    assert {(unit.building, unit.floor, unit.name) for unit in reading.all(SaidUnit)} == {
        ("A", "1", "100"),
        ("A", "2", "101"),
        ("B", None, "102"),
    }
    assert keys(reading)["S1/R1"].unit == "S1/B//102"
    assert reading.is_whole


def test_x11_units_alone_and_floors_alone_are_units_too():
    reading = read(answers([], {"Floors": [{"Floor": "1", "Units": [{"Unit": 7, "SSID": "X"}]}]}))
    assert list(units(reading)) == ["S1//1/7"]
    reading = read(answers([], {"SSID": "X", "Units": [{"Unit": "7", "VLAN": 1}, {"Unit": "8", "VLAN": 2}]}))
    assert list(units(reading)) == ["S1///7", "S1///8"]
    assert [pool.ssid for pool in reading.all(SaidPool)] == ["X"]


@pytest.mark.parametrize(("vlan", "expected"), [(7, 7), ("7", 7), (None, None), ("", None), (4094, 4094)])
def test_x12_a_vlan_is_a_number_or_text_or_missing(vlan, expected):
    reading = read(answers([], {"Mappings": [row(VLAN=vlan)]}))
    assert units(reading)["S1/Hudson/1/100"].vlan == expected


@pytest.mark.parametrize("vlan", [0, 4095, "70000", -1])
def test_x12_a_vlan_out_of_range_holds_back_its_unit(vlan):
    reading = read(answers([resident()], {"Mappings": [row(VLAN=vlan), row("101")]}))
    assert list(units(reading)) == ["S1/Hudson/1/101"]
    assert reading.saw(Kind.UNIT, "S1/Hudson/1/100")
    assert keys(reading)["S1/R1"].unit == "S1/Hudson/1/100"
    assert reading.is_complete("S1", Kind.UNIT)
    assert "is not 1 to 4094" in faults(reading)[0]


@pytest.mark.parametrize("vlan", ["seven", True, [], {}])
def test_x12_a_vlan_that_is_no_number_costs_its_unit(vlan):
    reading = read(answers([], {"Mappings": [row(VLAN=vlan), row("101")]}))
    assert list(units(reading)) == ["S1/Hudson/1/101"]
    assert reading.saw(Kind.UNIT, "S1/Hudson/1/100")
    assert reading.is_doubtful("S1")


def test_a_mapping_without_an_ssid_takes_the_configured_one():
    platform = answers([resident()], {"Mappings": [row(SSID=None)]})
    assert keys(read(platform, ssid="Harbour"))["S1/R1"].pool == "S1/Harbour"
    reading = read(platform)
    assert not keys(reading)
    assert faults(reading) == ["eleven, S1, key S1/R1, SSID: the mapping of its unit names none: set ssid"]
    assert read(answers([resident()]), ssid="Harbour").count(Kind.POOL) == 1


def test_an_ssid_that_is_too_long_costs_the_residents_of_its_units():
    reading = read(answers([resident(), resident("R2", "101")], {"Mappings": [row(SSID="x" * 33), row("101")]}))
    assert list(keys(reading)) == ["S1/R2"]
    assert [pool.ssid for pool in reading.all(SaidPool)] == ["Hudson House"]


def test_names_in_any_script_and_of_any_length_are_for_display():
    reading = read(
        answers(
            [
                resident("R1", Name="田中 恵子"),
                resident("R2", "101", FirstName="Дмитрий", LastName="x" * 10_000),
                resident("R3", "102", Name={"first": "A"}),
                resident("R4", "103", Name="a\r\nlevel=error \x1b[2J"),
            ]
        )
    )
    names = {each.id: each.name for each in reading.all(SaidSubscriber)}
    assert names["S1/R1"] == "田中 恵子"
    assert names["S1/R2"].startswith("Дмитрий xxx")
    assert len(names["S1/R2"].encode()) == 253
    assert names["S1/R3"] == "R3"
    assert names["S1/R4"] == "a  level=error  [2J"
    assert faults(reading) == ["eleven, S1, subscriber S1/R2: longer than 253 octets: cut for display"]


def test_a_record_without_an_id_is_told_by_its_place_and_what_it_says_of_itself():
    nameless = {name: value for name, value in resident(Name="Ann Lee").items() if name != "ResidentId"}
    reading = read(answers([resident("R2", "101"), nameless, 7, resident(None, "102", FirstName="A", LastName="\x1b")]))
    assert list(keys(reading)) == ["S1/R2"]
    assert faults(reading) == [
        "eleven, S1, ResidentId: is missing: resident 2 of the list (Building Hudson, Floor 1, Unit 100, Name Ann Lee)",
        "eleven, S1: is not an object: resident 3 of the list",
        "eleven, S1, ResidentId: is not an id: resident 4 of the list"
        " (Building Hudson, Floor 1, Unit 102, FirstName A, LastName \N{REPLACEMENT CHARACTER})",
    ]


def test_a_mapping_that_cannot_be_read_is_told_by_its_unit_or_its_place():
    reading = read(answers([], {"Mappings": [row("101"), row(VLAN="abc"), "x", row(None, VLAN="abc")]}))
    assert faults(reading) == [
        "eleven, S1, unit S1/Hudson/1/100, VLAN: is not a whole number",
        "eleven, S1: is not an object: mapping 3 of the list",
        "eleven, S1, VLAN: is not a whole number: mapping 4 of the list"
        " (Building Hudson, Floor 1, SSID Hudson House, VLAN abc)",
    ]


def test_ids_that_are_too_long_are_unreadable():
    reading = read(answers([resident("R" * 256), resident("R2", "101")]))
    assert list(keys(reading)) == ["S1/R2"]
    assert reading.is_doubtful("S1")


def test_a_unit_may_stand_in_an_object_of_the_residents_record():
    record = {name: value for name, value in resident().items() if name not in ("Building", "Floor", "Unit")}
    reading = read(answers([record | {"PanMapping": {"Building": "Hudson", "Floor": "1", "Unit": 101}}]))
    assert keys(reading)["S1/R1"].unit == "S1/Hudson/1/101"


def test_a_resident_without_a_unit_is_held_back():
    reading = read(answers([resident(Unit=None)]))
    assert not keys(reading)
    assert faults(reading) == ["eleven, S1, key S1/R1, Unit: it names no unit"]
    assert reading.is_complete("S1", Kind.KEY)


def test_no_message_repeats_a_body_or_a_token():
    secret = "token-secret-1"
    body = f"<h1>error</h1>Authorization: Bearer {secret}".encode()
    for answer in (Answer(None, 500, {}, body), (403, body), (200, body)):

        def respond(request, answer=answer):
            return Answer(request, answer.status, {}, body) if isinstance(answer, Answer) else answer

        with pytest.raises(PlatformError) as caught:
            read(respond, token=secret)
        assert secret not in str(caught.value)
        assert secret not in repr(caught.value)
