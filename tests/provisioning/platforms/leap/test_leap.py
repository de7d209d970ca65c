"""LEAP: what its rules, its traps and the readings of its contradictions make of its answers."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs
from xml.sax.saxutils import quoteattr

import pytest
from defusedxml.ElementTree import fromstring

from provisioning.platforms import (
    PLATFORMS,
    Answer,
    Known,
    PlatformError,
    Refused,
    Request,
    StoredKey,
    Unavailable,
    UnitPlace,
    Unreadable,
)
from provisioning.platforms.leap.payloads import read_one, read_page
from provisioning.sync import WHOLE, Kind, Reading, SaidKey, SaidPool, SaidSubscriber, SaidUnit, SaidVenue, Standing
from tests.provisioning.platforms.drive import Turns, drive, make_settings

EXAMPLES = Path(__file__).parent / "examples"
NAMESPACE = "http://schema.majitek.com/leap-ws-v1.0"
URL = "https://company.leapcities.com/api/v1/property-relationship"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
UNITS = {
    "PP-01": UnitPlace(unit="101", building="North", floor="1", vlan=101),
    "PP-99": UnitPlace(unit="999"),
    "12345": UnitPlace(unit="Penthouse"),
}


def example(name):
    return (EXAMPLES / name).read_text("utf-8")


def relationship(
    id_, property_="PP-01", *, account=None, kind="OCCUPIER", start="2026-01-01", end=None, more="", **attributes
):
    given = "".join(f" {name.replace('_', '-')}={quoteattr(value)}" for name, value in attributes.items())
    last = "" if end is None else f"<end-date>{end}</end-date>"
    return (
        f'<property-relationship identifier={quoteattr(id_)} ref="http://company.leapcities.com/x"{given}>'
        f"<property identifier={quoteattr(property_)}/><account identifier={quoteattr(account or f'0{id_}')}/>"
        f"<relationship>{kind}</relationship><start-date>{start}</start-date>{last}{more}</property-relationship>"
    )


def wrap(records, namespace=True):
    name = f' xmlns="{NAMESPACE}"' if namespace else ""
    return f"<property-relationships{name}>{''.join(records)}</property-relationships>".encode()


class Company:
    """Answers for relationships, by identifier in the order of the list; `lists` replaces what a list says."""

    def __init__(self, *records, lists=None):
        self.records = {fromstring(record).get("identifier"): record for record in records}
        self.order = list(records)
        self.lists = lists
        self.requests = []
        self.acknowledged = []
        self.references = {}
        self.unknown = set()
        self.before_answer = lambda _: None

    def __call__(self, request):
        self.requests.append(request)
        if (instead := self.before_answer(request)) is not None:
            return instead
        if request.path == "/":
            if self.lists is not None:
                return self.lists
            query = dict(request.query)
            offset = int(query["offset"])
            return wrap(self.order[offset : offset + int(query["limit"])])
        if request.path == "/acked":
            ids = [child.text for child in fromstring(request.body)]
            if self.unknown & set(ids):
                return 404
            self.acknowledged += ids
            return 200
        id_ = request.path.split("/")[1]
        if request.path.endswith("/extid"):
            reference = parse_qs(request.body.decode())["extid"][0]
            if reference in self.references.values():
                return 409
            self.references[id_] = reference
            return (200, example("reference.xml"))
        return self.records.get(id_, 404)


def make(**settings):
    settings = {"name": "harbour", "username": "sync", "password": "pass-1", "ssid": "Harbour"} | settings
    settings = {"timezone": "Australia/Melbourne", "units": UNITS, "sites": ("Harbour House",), "url": URL} | settings
    return PLATFORMS["leap"](make_settings("leap", **settings))


def read(company, *, known=(), units_of_keys=None, requests=None, connector=None, **settings):
    reading = Reading("harbour", "leap", NOW)
    records = {id_: number for number, id_ in enumerate(sorted(known), 1)}
    has = Known(keys=frozenset(known), units_of_keys=units_of_keys or {}, records_of_keys=records)
    drive((connector or make(**settings)).read(reading, has), company, requests)
    return reading


def keys(reading):
    return {key.id: key for key in reading.all(SaidKey)}


def faults(reading):
    return [str(fault) for fault in reading.faults]


# The examples.


def test_the_list_of_the_document_becomes_two_keys():
    reading = read(Company(lists=example("list.xml")))
    assert keys(reading) == {
        "1": SaidKey(
            id="1",
            venue="Harbour House",
            pool="Harbour House/Harbour",
            unit="PP-01",
            subscriber="01234574",
            starts=datetime(2011, 3, 17, 13, tzinfo=UTC),
            external_id="1234",
        ),
        "2": SaidKey(
            id="2",
            venue="Harbour House",
            pool="Harbour House/Harbour",
            unit="PP-99",
            subscriber="06543201",
            starts=datetime(2011, 3, 17, 13, tzinfo=UTC),
            external_id="12345",
        ),
    }
    assert list(reading.all(SaidVenue)) == [
        SaidVenue(id="Harbour House", name="Harbour House", time_zone="Australia/Melbourne")
    ]
    assert list(reading.all(SaidPool)) == [
        SaidPool(id="Harbour House/Harbour", ssid="Harbour", venues=("Harbour House",))
    ]
    assert reading.get(SaidUnit, "PP-01") == SaidUnit(
        id="PP-01", venue="Harbour House", name="101", building="North", floor="1", vlan=101
    )
    assert {each.id: each.external_id for each in reading.all(SaidSubscriber)} == {"01234574": "1234", "06543201": None}
    assert not reading.faults
    assert reading.is_whole


def test_the_one_relationship_of_the_document_is_read():
    answer = Answer(Request(path="/1", what="relationship 1"), 200, {}, example("one.xml").encode())
    row = read_one(answer)
    assert row["property identifier"] == "PP-01"
    assert row["account identifier"] == "01234574"
    assert row["extid"] == "1234"
    with pytest.raises(Unreadable):
        read_page(answer)


def test_the_acknowledgements_of_the_document_are_what_is_sent():
    company = Company(
        relationship("10000001", unacked_since="2011-03-18T08:27:40.000+1100"),
        relationship("10000002", unacked_since="2011-03-18T08:27:40.000+1100"),
        relationship("10000003"),
    )
    finish(company, namespace=False)
    sent = next(request for request in company.requests if request.path == "/acked")
    assert sent.body.decode() == "".join(example("acknowledgements.xml").replace("> <", "><").split("\n"))
    assert ("Content-Type", "application/xml") in sent.headers


def test_the_reference_of_the_document_is_an_answer_to_ours():
    company = Company(relationship("1"))
    assert write_back(company, [stored("1", 7)]) == []
    assert company.references == {"1": "latchkey-7"}
    sent = company.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", "/1/extid", b"extid=latchkey-7")
    assert ("Content-Type", "application/x-www-form-urlencoded") in sent.headers


# Transport.


def test_the_paths_are_the_documents_whether_or_not_the_base_has_the_resource():
    for url, path in (
        (URL, "/"),
        (URL + "/", "/"),
        ("https://company.leapcities.com/api/v1", "/property-relationship/"),
    ):
        requests = []
        read(lambda _: wrap([]), url=url, requests=requests)
        assert {request.path for request in requests} == {path}


def test_basic_goes_with_every_request_and_shows_in_no_repr():
    requests = []
    read(Company(), requests=requests)
    for request in requests:
        assert dict(request.headers)["Authorization"] == "Basic c3luYzpwYXNzLTE="
        assert "c3luYzpwYXNzLTE" not in repr(request)
        assert "pass-1" not in repr(request)


def test_x1_a_token_goes_as_bearer_where_there_is_no_username():
    requests = []
    read(Company(), username=None, password=None, token="token-1", requests=requests)
    assert dict(requests[0].headers)["Authorization"] == "Bearer token-1"
    with pytest.raises(Refused, match="has no username"):
        read(Company(), username=None)


def test_401_reads_the_password_anew_and_asks_once_more():
    passwords = iter(["old", "pass-1"])
    requests = []

    def answer(request):
        good = dict(request.headers)["Authorization"] == "Basic c3luYzpwYXNzLTE="
        return wrap([relationship("1")]) if good else 401

    assert list(keys(read(answer, password=lambda: next(passwords), requests=requests))) == ["1"]
    assert len(requests) == 3
    requests = []
    with pytest.raises(Refused, match="HTTP 401"):
        read(lambda _: 401, requests=requests)
    assert len(requests) == 2


@pytest.mark.parametrize("name", ["ssid", "timezone"])
def test_what_the_platform_does_not_name_must_be_configured(name):
    with pytest.raises(Refused, match=f"has no {name}"):
        make(**{name: None})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Sign in</body></html>",
        b'{"relationships": []}',
        wrap([relationship("1")])[:-5],
        wrap([relationship("1", more="<note>\xc3\xa9</note>")])[:-60] + b"\xc3",
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><property-relationships>&a;</property-relationships>',
        b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><property-relationships>&b;</property-relationships>',
        b"<!DOCTYPE property-relationships><property-relationships/>",
        b"<property-relationships xmlns='http://elsewhere.example/'/>",
    ],
)
def test_what_is_no_such_list_is_never_an_empty_one(body):
    with pytest.raises(Unreadable) as caught:
        read(lambda _: body)
    assert "root:" not in str(caught.value)


def test_check_reads_a_real_unit():
    requests = []
    lines = drive(make().check(), Company(relationship("1"), relationship("2", kind="OWNER")), requests)
    assert len(requests) == 1
    assert lines == [
        "occupiers on the first page: 1",
        "one of them: account 01, unit 101 of Harbour House, from 2025-12-31 13:00 UTC on",
    ]
    with pytest.raises(Unreadable, match="no occupier of a unit can be read"):
        drive(make().check(), Company(relationship("1", "PP-77")))


# Traps.


def finish(company, **settings):
    connector = make(**settings)
    reading = read(company, connector=connector)
    return drive(connector.acknowledge(reading, keys(reading)), company)


FLAG = {"unacked_since": "2011-03-18T08:27:40.000+1100"}


def test_t1_only_the_flag_of_the_relationship_is_looked_at():
    flagged_elsewhere = relationship("1").replace(
        "<property ", '<property unacked-since="2011-03-18T08:27:40.000+1100" '
    )
    company = Company(flagged_elsewhere, relationship("2", "PP-99", **FLAG))
    assert finish(company) == []
    assert company.acknowledged == ["2"]


def test_t2_pages_first_then_store_then_acknowledge():
    company = Company(*(relationship(str(n), **FLAG) for n in range(250)))
    connector = make()
    reading = read(company, connector=connector)
    assert len(keys(reading)) == 250
    assert not company.acknowledged  # nothing, before it is stored
    assert all("acked" not in dict(request.query) for request in company.requests)
    offsets = [dict(request.query)["offset"] for request in company.requests]
    assert offsets == ["0", "100", "200"] * 2
    assert drive(connector.acknowledge(reading, keys(reading)), company) == []
    assert sorted(company.acknowledged) == sorted(keys(reading))


def test_t2_a_reading_of_another_run_acknowledges_nothing():
    company = Company(relationship("1", **FLAG))
    connector = make()
    read(company, connector=connector)
    assert drive(connector.acknowledge(Reading("harbour", "leap", NOW), {"1"}), company) == []
    assert drive(make().acknowledge(Reading("harbour", "leap", NOW), {"1"}), company) == []
    assert not company.acknowledged


def test_t3_what_changes_between_reading_and_acknowledging_is_told():
    company = Company(relationship("1", **FLAG), relationship("2", "PP-99", **FLAG))
    connector = make()
    reading = read(company, connector=connector)
    company.records["2"] = relationship("2", "PP-99", end="2026-11-30", **FLAG)
    assert drive(connector.acknowledge(reading, keys(reading)), company) == [
        "relationship 2 changed while it was acknowledged: it is read again"
    ]
    assert [request.path for request in company.requests][-2:] == ["/1", "/2"]
    # The next reading has it, flagged or not.
    company.order = [company.records["1"], company.records["2"].replace("unacked-since", "ref2")]
    assert keys(read(company))["2"].ends is not None


def test_t3_many_are_compared_by_reading_the_list_again():
    company = Company(*(relationship(f"{n:04}", **FLAG) for n in range(700)))
    connector = make()
    reading = read(company, connector=connector)
    company.order[5] = relationship("0005", end="2026-11-30")
    del company.requests[:]
    assert drive(connector.acknowledge(reading, keys(reading)), company) == [
        "relationship 0005 changed while it was acknowledged: it is read again"
    ]
    assert len(company.acknowledged) == 700
    assert [request.path for request in company.requests].count("/acked") == 14
    assert len(company.requests) == 14 + 2 * 8


def test_t4_what_is_not_stored_is_not_acknowledged():
    company = Company(
        relationship("1", **FLAG),
        relationship("2", "PP-77", **FLAG),  # no unit of ours
        relationship("3", "PP-99", end="2025-12-31", **FLAG),  # ends before it starts
        relationship("4", "PP-99", kind="OWNER", **FLAG),  # dealt with: it has no key
        relationship("5", "PP-99", start="soon", **FLAG),
    )
    finish(company)
    assert company.acknowledged == ["1", "4"]


def test_t4_of_what_is_stored_only_that_is_acknowledged():
    company = Company(
        relationship("1", end="2026-11-10", **FLAG),
        relationship("2", "PP-99", **FLAG),
        relationship("3", "PP-99", kind="OWNER", **FLAG),  # has a key, which ends
        relationship("4", "PP-99", kind="OWNER", **FLAG),  # has none
    )
    connector = make()
    reading = read(company, connector=connector, known=["1", "3"])
    assert drive(connector.acknowledge(reading, {"2"}), company) == []
    assert company.acknowledged == ["2", "4"]


def test_t5_an_absent_record_is_a_fault_and_never_an_end():
    reading = read(
        Company(relationship("1")),
        known=["1", "2", "3"],
        units_of_keys={"2": "PP-99", "3": "PP-01"},
    )
    assert faults(reading) == [
        f"leap, Harbour House, key {id_}: is not listed any more, though LEAP removes none: it stays,"
        f" or, where the tenancy is over, latchkey key remove id:{id_}"
        for id_ in "23"
    ]
    assert not reading.is_partial("Harbour House")  # so that others end as it is said of them
    assert not reading.is_whole
    assert not reading.is_complete("Harbour House", Kind.KEY)
    whole = read(Company(relationship("1")), known=["1"])
    assert whole.is_whole
    assert not whole.is_complete("Harbour House", Kind.KEY)  # nor ever: so that no key can end by absence
    assert whole.is_complete("Harbour House", Kind.UNIT)


def test_t5_of_many_absent_records_the_first_have_a_line_each():
    reading = read(Company(relationship("1")), known=[f"{n:03}" for n in range(100)])
    assert len(reading.faults) == 21
    text = "leap: 80 more relationships are not listed any more, and stay as they are: 020, 021, 022, ..."
    assert faults(reading)[-1] == text


def test_t5_an_empty_list_ends_nobody():
    reading = read(Company(), known=["1"])
    assert not reading.is_complete(WHOLE, Kind.KEY)
    assert not reading.is_whole


def test_t6_only_occupiers_have_keys_and_a_unit_may_have_several():
    reading = read(
        Company(
            relationship("1", account="01"),
            relationship("2", account="01", kind="OWNER"),
            relationship("3", account="02"),
            relationship("4", account="03", kind="OWNER"),
        )
    )
    assert {key.id: (key.unit, key.subscriber) for key in keys(reading).values()} == {
        "1": ("PP-01", "01"),
        "3": ("PP-01", "02"),
    }
    assert [each.id for each in reading.all(SaidSubscriber)] == ["01", "02"]
    assert not reading.faults


def test_t6_one_who_is_owner_only_from_now_on_has_no_key_any_more():
    reading = read(Company(relationship("1", kind="OWNER")), known=["1"])
    assert keys(reading)["1"].standing is Standing.ENDED
    assert keys(reading)["1"].reason == "owner, and no occupier any more"


def test_t7_an_unmapped_property_is_reported_and_not_guessed():
    reading = read(Company(relationship("1", "PP-02"), relationship("2", "pp-01"), relationship("3")))
    assert list(keys(reading)) == ["3"]
    assert reading.saw(Kind.KEY, "1")
    assert faults(reading) == [
        "leap, key 1, property: property PP-02 is not in [sync.harbour.units]: add it, to say which unit it is",
        "leap, key 2, property: property pp-01 is not in [sync.harbour.units]: add it, to say which unit it is",
    ]
    assert reading.is_whole


def test_t7_an_end_that_is_past_counts_where_the_property_is_not_mapped_any_more():
    gone, staying = relationship("1", "PP-02", end="2026-11-20"), relationship("2", "PP-02", end="2026-11-22")
    reading = read(Company(gone, staying), known=["1", "2"])
    assert {key.id: key.standing for key in keys(reading).values()} == {"1": Standing.ENDED}
    assert not keys(read(Company(gone)))


def test_t7_units_say_their_venue_where_there_are_several():
    units = {
        "PP-01": UnitPlace(unit="1", venue="A"),
        "PP-02": UnitPlace(unit="1", venue="B"),
        "PP-03": UnitPlace(unit="3"),
    }
    company = Company(relationship("1"), relationship("2", "PP-02"), relationship("3", "PP-03"))
    reading = read(company, units=units, sites=("A", "B"))
    assert {key.id: (key.venue, key.pool) for key in keys(reading).values()} == {
        "1": ("A", "A/Harbour"),
        "2": ("B", "B/Harbour"),
    }
    assert faults(reading) == [
        "leap, unit PP-03, venue: [sync.harbour.units] says not which of the sites it is at: add venue",
        "leap, key 3, property: property PP-03 has no venue in the configuration",
    ]
    assert set(keys(read(company, units=units, sites=("A",)))) == {"1", "3"}
    assert {key.venue for key in keys(read(company, units=units, sites=())).values()} == {"A", "B", "harbour"}


@pytest.mark.parametrize(
    ("start", "end", "starts", "ends"),
    [
        ("2026-01-10", "2026-01-10", datetime(2026, 1, 9, 13, tzinfo=UTC), datetime(2026, 1, 10, 13, tzinfo=UTC)),
        # Clocks go back on 5 April 2026 and forward on 4 October, in Melbourne.
        ("2026-04-05", "2026-10-04", datetime(2026, 4, 4, 13, tzinfo=UTC), datetime(2026, 10, 4, 13, tzinfo=UTC)),
        ("2026-04-06", "2026-10-03", datetime(2026, 4, 5, 14, tzinfo=UTC), datetime(2026, 10, 3, 14, tzinfo=UTC)),
    ],
)
def test_t8_x8_dates_are_whole_days_of_the_configured_zone_and_the_last_one_counts(start, end, starts, ends):
    key = keys(read(Company(relationship("1", start=start, end=end))))["1"]
    assert (key.starts, key.ends) == (starts, ends)


def test_t9_it_stops_at_a_page_with_fewer_than_100():
    for count, pages in ((0, 1), (99, 1), (100, 2), (101, 2), (200, 3)):
        company = Company(*(relationship(str(n)) for n in range(count)))
        reading = read(company)
        assert len(keys(reading)) == count
        assert len(company.requests) == 2 * pages
        assert {dict(request.query)["limit"] for request in company.requests} == {"100"}


def test_t9_a_page_of_100_known_identifiers_only_is_a_fault():
    company = Company(lists=wrap([relationship(str(n)) for n in range(100)]))
    reading = read(company)
    assert len(company.requests) == 2
    assert len(keys(reading)) == 100
    assert reading.is_doubtful(WHOLE)
    assert faults(reading) == ["leap: a page at offset 100 has nothing that is new"]


def test_t10_a_list_is_read_until_two_readings_agree():
    records = [relationship(str(n)) for n in range(150)]
    company = Company(*records)

    def drop(request):
        # One record goes to the end while the first page is read: what was 100th is 99th now.
        if request.path == "/" and len(company.requests) == 2:
            company.order = [*records[1:], records[0]]

    company.before_answer = drop
    reading = read(company)
    assert len(keys(reading)) == 150
    assert len(company.requests) == 6
    assert reading.is_whole


def test_t10_readings_that_never_agree_are_partial():
    turn = iter(range(1000))

    def answer(_):
        return wrap([relationship(str(n)) for n in range(next(turn), 50)])

    requests = []
    reading = read(answer, requests=requests)
    assert len(requests) == 3
    assert len(keys(reading)) == 50
    assert faults(reading) == ["leap: the list of relationships differs from one reading to the next: 50, 49, 48"]
    assert not reading.is_whole


def test_t10_a_page_that_was_empty_once_is_found():
    records = [relationship(str(n)) for n in range(150)]
    company = Company(*records)
    company.before_answer = lambda _: wrap([]) if len(company.requests) == 1 else None
    reading = read(company)
    assert len(keys(reading)) == 150
    assert reading.is_whole


def test_t10_records_are_one_by_identifier_whatever_their_place():
    reading = read(Company(lists=wrap([relationship("1"), relationship("1"), relationship("2", "PP-99")])))
    assert set(keys(reading)) == {"1", "2"}
    assert reading.is_doubtful(WHOLE)  # one listed twice may stand in the place of another
    reading = read(Company(lists=wrap([relationship("1"), relationship("1", "PP-99"), relationship("2")])))
    assert set(keys(reading)) == {"2"}
    assert reading.saw(Kind.KEY, "1")


def test_t11_identifiers_are_text():
    reading = read(
        Company(relationship("007", "12345", account="01234574"), relationship("7", "12345", account="1234574"))
    )
    assert {key.id: key.subscriber for key in keys(reading).values()} == {"007": "01234574", "7": "1234574"}


def stored(id_, record):
    return StoredKey(id=id_, record=record, subscriber=None, passphrase=b"geheim-geheim", is_made=True)


def write_back(company, new):
    return drive(make(write_back=True).write_back(new), company)


def test_t12_a_reference_that_is_taken_is_told_and_the_identifier_stays_the_key():
    company = Company(relationship("1"), relationship("2"))
    company.references["9"] = "latchkey-7"
    assert write_back(company, [stored("1", 7), stored("2", 8)]) == [
        "external reference latchkey-7 of relationship 1 is another's already: LEAP's identifier stays the key's"
    ]
    assert company.references["2"] == "latchkey-8"
    assert not any(b"geheim" in (request.body or b"") for request in company.requests)


def test_what_has_no_reference_yet_is_written_back_later():
    connector = make(write_back=True)
    reading = read(
        Company(relationship("1", extid="MAX1"), relationship("2"), relationship("3", kind="OWNER")),
        connector=connector,
    )
    assert connector.unwritten(reading) == ["2"]
    assert not connector.unwritten(Reading("harbour", "leap", NOW))


def test_t12_what_else_goes_wrong_is_told_as_well():
    company = Company()
    company.before_answer = lambda request: (
        404 if request.path == "/1/extid" else Unavailable("relationship 2: no answer")
    )
    assert write_back(company, [stored("1", 7), stored("2", 8)]) == [
        "external reference latchkey-7 of relationship 1 is not taken: HTTP 404",
        "relationship 2: no answer",
    ]


def test_t13_a_list_with_an_unknown_identifier_falls_back_to_single_ones():
    company = Company(*(relationship(f"{n:03}", **FLAG) for n in range(60)))
    company.unknown = {"007"}
    assert finish(company) == ["acknowledgement of relationship 007: HTTP 404"]
    assert len(company.acknowledged) == 59
    lists = [len(fromstring(request.body)) for request in company.requests if request.path == "/acked"]
    assert lists == [50, 10] + [1] * 50


def test_t13_what_cannot_be_acknowledged_now_is_left_for_the_next_run():
    company = Company(relationship("1", **FLAG))
    company.before_answer = lambda request: Unavailable("no answer") if request.path == "/acked" else None
    assert finish(company) == ["no answer"]
    assert not company.acknowledged


def test_t14_a_flag_may_be_years_old_and_is_no_time_of_a_change():
    for since in ("1999-01-01T00:00:00.000+1100", "2099-01-01T00:00:00.000+1100", "since then", ""):
        company = Company(relationship("1", unacked_since=since))
        assert finish(company) == []
        assert company.acknowledged == (["1"] if since else [])


# Contradictions.


def test_x2_references_are_never_followed():
    requests = []
    read(Company(lists=example("list.xml")), requests=requests)
    assert all(request.url is None for request in requests)


def test_x3_only_the_attributes_of_property_and_account_count():
    record = relationship("1").replace("<property ", '<property name="customers" ')
    assert keys(read(Company(record)))["1"].unit == "PP-01"


@pytest.mark.parametrize("namespace", [True, False])
def test_x6_acknowledgements_carry_the_namespace_where_that_is_not_left_out(namespace):
    company = Company(relationship("1", **FLAG))
    finish(company, namespace=namespace)
    sent = next(request for request in company.requests if request.path == "/acked")
    assert (NAMESPACE in sent.body.decode()) is namespace


def test_x6_answers_are_read_with_the_namespace_and_without():
    for namespace in (True, False):
        assert list(keys(read(Company(lists=wrap([relationship("1")], namespace))))) == ["1"]
    prefixed = wrap([relationship("1")]).decode().replace("xmlns=", "xmlns:l=")
    for name in (
        "property-relationships",
        "property-relationship",
        "property",
        "account",
        "relationship",
        "start-date",
    ):
        prefixed = prefixed.replace(f"<{name} ", f"<l:{name} ").replace(f"<{name}>", f"<l:{name}>")
        prefixed = prefixed.replace(f"</{name}>", f"</l:{name}>")
    assert list(keys(read(Company(lists=prefixed)))) == ["1"]


def test_x7_the_end_is_an_element_or_an_attribute():
    for record in (relationship("1", end="2026-11-30"), relationship("1", end_date="2026-11-30")):
        assert keys(read(Company(record)))["1"].ends == datetime(2026, 11, 30, 13, tzinfo=UTC)
    both = relationship("1", end="2026-11-30", end_date="2026-12-31")
    reading = read(Company(both, relationship("2")))
    assert list(keys(reading)) == ["2"]
    assert faults(reading) == ["leap, key 1, end-date: is not a day as YYYY-MM-DD"]
    assert keys(read(Company(relationship("1", end=""))))["1"].ends is None


def test_x7_unknown_elements_are_reported_once():
    reading = read(
        Company(
            relationship("1", more="<finish-date>2026-11-30</finish-date>"),
            relationship("2", "PP-99", more="<finish-date/>", note="x"),
        )
    )
    assert faults(reading) == [
        "leap: relationships have finish-date, which no document tells of: it is left out",
        "leap: relationships have note, which no document tells of: it is left out",
    ]
    assert set(keys(reading)) == {"1", "2"}


def test_x9_an_external_reference_is_no_key_between_kinds():
    listed = wrap(
        [
            relationship("1", account="05", extid="1234"),
            relationship("1234", "PP-99", account="06", extid="5"),
        ]
    )
    reading = read(Company(lists=listed))
    assert {key.id: key.external_id for key in keys(reading).values()} == {"1": "1234", "1234": "5"}


def test_x9_of_two_references_of_one_account_none_is_taken():
    one = relationship("1", account="05").replace("<account ", '<account extid="1" ')
    other = relationship("2", account="05").replace("<account ", '<account extid="2" ')
    reading = read(Company(one, other))
    assert [each.external_id for each in reading.all(SaidSubscriber)] == [None]
    assert faults(reading) == ["leap, subscriber 05, extid: has two external references: neither is taken"]


def test_two_relationships_of_one_reference_are_told():
    reading = read(Company(relationship("1", extid="MAX1"), relationship("2", extid="MAX1")))
    assert {key.external_id for key in keys(reading).values()} == {"MAX1", None}
    assert faults(reading) == ["leap, Harbour House, key 2, extid: is that of relationship 1 as well: it is left out"]


def test_x13_any_2xx_is_success():
    company = Company(relationship("1", **FLAG))
    company.before_answer = lambda request: 204 if request.path == "/acked" else None
    assert finish(company) == []


@pytest.mark.parametrize("since", ["2011-03-18T08:27:40.000+1100", "2011-03-18T08:27:40.000+11:00"])
def test_x14_offsets_are_read_with_and_without_a_colon(since):
    from provisioning.platforms.fields import parse_records
    from provisioning.platforms.leap.payloads import RELATIONSHIPS

    body = wrap([relationship("1", unacked_since=since)])
    page = read_page(Answer(Request(path="/", what="list"), 200, {}, body))
    good, _ = parse_records(RELATIONSHIPS, page.rows)
    assert good[0].unacked_since == datetime(2011, 3, 17, 21, 27, 40, tzinfo=UTC)


def test_x15_a_subscriber_is_called_by_the_account():
    reading = read(Company(relationship("1", account="01234574")))
    assert [(each.id, each.name) for each in reading.all(SaidSubscriber)] == [("01234574", "01234574")]


# Records that cannot be read.


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (relationship("1", start="2026-02-30"), "start-date"),
        (relationship("1", start=""), "start-date"),
        (relationship("1", start="<unexpected>1</unexpected>"), "start-date"),
        (relationship("1", end="never"), "end-date"),
        (relationship("1", ""), "property identifier"),
        (relationship("1", more='<property identifier="PP-99"/>'), "property identifier"),
        (relationship("1").replace("<relationship>OCCUPIER</relationship>", ""), "relationship"),
        (relationship("1").replace('<account identifier="01"/>', ""), "account identifier"),
        (relationship("1").replace('<account identifier="01"/>', "<account/>"), "account identifier"),
    ],
)
def test_a_record_that_cannot_be_read_costs_itself(wrong, field):
    reading = read(Company(lists=wrap([wrong, relationship("2")])), known=["1"])
    assert list(keys(reading)) == ["2"]
    assert reading.saw(Kind.KEY, "1")
    assert [(fault.record, fault.field) for fault in reading.faults] == [("1", field)]
    assert reading.is_doubtful("Harbour House")


def test_a_record_without_an_identifier_makes_the_reading_partial():
    reading = read(Company(lists=wrap([relationship("1").replace('identifier="1"', "", 1), relationship("2")])))
    assert list(keys(reading)) == ["2"]
    assert faults(reading) == [
        "leap, identifier: is missing: record 1 of the list"
        " (property identifier PP-01, account identifier 01, relationship OCCUPIER, start-date 2026-01-01)"
    ]
    assert reading.is_doubtful(WHOLE)


def test_a_record_that_could_not_be_read_the_first_time_may_be_the_second():
    lists = Turns(wrap([relationship("1", start="<x/>")]), wrap([relationship("1")]))
    reading = read(Company(lists=lists))
    assert list(keys(reading)) == ["1"]
    assert not reading.faults


def test_a_relationship_of_another_kind_is_reported():
    reading = read(Company(relationship("1", kind="TENANT"), relationship("2", kind=" occupier ")))
    assert list(keys(reading)) == ["2"]
    assert faults(reading) == ["leap, Harbour House, key 1, relationship: TENANT is neither OCCUPIER nor OWNER"]


def test_an_end_before_the_start_is_refused():
    reading = read(Company(relationship("1", end="2025-12-31"), relationship("2", end="2026-01-01")))
    assert list(keys(reading)) == ["2"]
    assert faults(reading) == ["leap, Harbour House, key 1, end-date: is before start-date"]


@pytest.mark.parametrize("start", ["0001-01-01", "9999-12-31"])
def test_days_at_the_ends_of_time_are_refused_or_read_but_never_raise(start):
    reading = read(Company(relationship("1", start=start, end="9999-12-31"), relationship("2")))
    assert "2" in keys(reading)
    assert reading.saw(Kind.KEY, "1")


def test_a_page_that_fails_later_leaves_what_was_read_and_ends_nobody():
    company = Company(*(relationship(str(n)) for n in range(150)))
    company.before_answer = lambda _: Unavailable("no answer") if len(company.requests) == 2 else None
    reading = read(company, known=["149"])
    assert len(keys(reading)) == 100
    assert reading.is_doubtful("Harbour House")
    assert "leap: no answer" in faults(reading)


def test_long_and_strange_texts():
    reading = read(
        Company(
            relationship("1", extid="x" * 254),
            relationship("2", extid="MAX 1&quot;" + "é"),
            relationship("3" * 256),
        )
    )
    assert {key.id: key.external_id for key in keys(reading).values()} == {"1": None, "2": "MAX 1&quot;é"}
    assert "leap, key 1, extid: is too long: it is left out" in faults(reading)


def test_no_message_repeats_a_body_or_a_password():
    for answer in (500, (403, "password-secret"), (200, "<html>password-secret</html>")):
        with pytest.raises(PlatformError) as caught:
            read(lambda _, answer=answer: answer, password="password-secret")
        assert "secret" not in str(caught.value)
