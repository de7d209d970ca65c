"""The LEAP test platform against the document's text (Property Relationship API)."""

import base64
import re
from datetime import UTC, date, datetime
from xml.etree.ElementTree import Element

import pytest
from defusedxml.common import DTDForbidden
from defusedxml.ElementTree import fromstring

from pcaps.platforms.building import Building
from tests.platforms.asking import ask
from tests.platforms.leap import Leap

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
BASIC = {"Authorization": "Basic " + base64.b64encode(b"sync@example.net:leap-password-1").decode()}
XML = {**BASIC, "Content-Type": "application/xml"}
FORM = {**BASIC, "Content-Type": "application/x-www-form-urlencoded"}
NS = "{http://schema.majitek.com/leap-ws-v1.0}"
# "Example Response" of "Get a Property Relationship", with the line's blanks.
ONE = (
    '<property-relationship xmlns="http://schema.majitek.com/leap-ws-v1.0" identifier="1" '
    'ref="http://company.leapcities.com/api/v1/property-relationship/1" unacked-since="2011-03-18T08:27:40.000+1100" '
    'extid="1234"> <property identifier="PP-01" ref="http://company.leapcities.com/api/v1/properties/PP-01" '
    'unacked-since="2011-03-18T08:27:40.000+1100" extid="XREF1"/> <account identifier="01234574" '
    'ref="http://company.leapcities.com/api/v1/customers/01234574" unacked-since="2011-03-18T08:27:39.000+1100" '
    'extid="12345"/> <relationship>OCCUPIER</relationship> <start-date>2011-03-18</start-date> </property-relationship>'
)
ACKNOWLEDGE_TWO = (
    "<acknowledgements> <acknowledgement>10000001</acknowledgement> "
    "<acknowledgement>10000002</acknowledgement> </acknowledgements>"
)


@pytest.fixture
def platform():
    with Leap([Building.make(units=250, seed=2)], clock=lambda: NOW) as running:
        yield running


def get(platform, path="/", **options):
    status, headers, body = ask(platform, path, BASIC, **options)
    assert status == 200, (status, path)
    assert headers["content-type"].startswith("application/xml")
    return fromstring(body)


def listed(platform, query=""):
    found, offset = [], 0
    while page := list(get(platform, f"/?offset={offset}{query}")):
        found += page
        offset += 100
        if len(page) < 100:
            break
    return found


def shape(element):
    """Return the names of an element, its attributes and what it holds, and the form of each value."""
    form = {name: re.sub(r"[A-Za-z]+", "a", re.sub(r"\d+", "9", value)) for name, value in element.items()}
    return (
        element.tag,
        {name: value for name, value in form.items() if "since" in name},
        set(form),
        [shape(child) for child in element],
    )


def test_one_relationship_has_the_examples_elements_and_attributes(platform):
    tenancy = next(t for t in platform.buildings["S1"].tenancies.values() if t.ends is None)
    identifier = platform.identifier(tenancy.id)
    ask(platform, f"/{identifier}/extid", FORM, "extid=1234")
    ours, example = shape(get(platform, f"/{identifier}")), shape(fromstring(ONE))
    assert ours[0] == example[0]
    assert ours[2] == example[2]
    tags = [child[0] for child in ours[3]]
    assert tags == [child[0] for child in example[3]]
    assert ours[3][0][2] == example[3][0][2]
    assert ours[3][1][2] == example[3][1][2] - {"extid"}  # optional: missing on one account of the list's example
    since = get(platform, f"/{identifier}").get("unacked-since")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}", since)


def test_a_list_holds_relationships_with_their_namespace(platform):
    root = get(platform)
    assert root.tag == f"{NS}property-relationships"
    assert {child.tag for child in root} == {f"{NS}property-relationship"}
    assert len(root) == 100  # limit: default is 100


def test_paging_reaches_every_tenancy_once(platform):
    found = [element.get("identifier") for element in listed(platform)]
    assert len(found) == len(set(found))
    tenancies = platform.buildings["S1"].tenancies
    assert {platform.identifier(tenancy) for tenancy in tenancies} < set(found)
    assert found != sorted(found)


def test_an_occupier_who_is_the_owner_too_has_two_records(platform):
    kinds: dict[tuple[str, str], list[str]] = {}
    for element in listed(platform):
        place = element.find(f"{NS}property").get("identifier"), element.find(f"{NS}account").get("identifier")
        kinds.setdefault(place, []).append(element.findtext(f"{NS}relationship"))
    assert ["OCCUPIER", "OWNER"] in [sorted(names) for names in kinds.values()]
    assert ["OWNER"] in kinds.values()
    assert all(account.startswith("0") for _, account in kinds)


@pytest.mark.parametrize("attribute", [False, True])
def test_a_relationship_is_ended_not_removed(attribute):
    building = Building.make(units=2, occupied=0)
    tenancy = building.move_in("S1-u1", building.newcomer(), date(2026, 1, 1), date(2026, 1, 10))
    with Leap([building], clock=lambda: NOW, end_as_attribute=attribute) as platform:
        element = get(platform, f"/{platform.identifier(tenancy.id)}")
    assert element.findtext(f"{NS}start-date") == "2026-01-01"
    ends = element.get("end-date"), element.findtext(f"{NS}end-date")
    assert ends == (("2026-01-10", None) if attribute else (None, "2026-01-10"))


def test_the_external_reference_is_set_found_and_unique(platform):
    one, other = (platform.identifier(tenancy) for tenancy in list(platform.buildings["S1"].tenancies)[:2])
    status, _, body = ask(platform, f"/{one}/extid", FORM, "extid=MAX12345")
    assert status == 200
    ref = fromstring(body)
    assert (ref.tag, ref.get("identifier"), ref.get("extid")) == (f"{NS}ref", one, "MAX12345")
    assert set(ref.keys()) == {"ref", "identifier", "extid"}
    assert get(platform, "/extid/MAX12345").get("identifier") == one
    assert ask(platform, f"/{other}/extid", FORM, "extid=MAX12345")[0] == 409
    assert ask(platform, f"/{one}/extid", FORM, "extid=MAX12345")[0] == 200
    assert ask(platform, "/nobody/extid", FORM, "extid=MAX1")[0] == 404
    assert ask(platform, f"/{one}/extid", FORM, "extid=MAX2")[0] == 200
    assert ask(platform, "/extid/MAX12345", BASIC)[0] == 404


def test_acknowledging_clears_the_relationships_flag_alone(platform):
    assert ask(platform, "/acked", XML, ACKNOWLEDGE_TWO)[0] == 200
    element = get(platform, "/10000001")
    assert element.get("unacked-since") is None
    assert element.find(f"{NS}property").get("unacked-since")
    assert element.find(f"{NS}account").get("unacked-since")
    waiting = {element.get("identifier") for element in listed(platform, "&acked=false")}
    done = {element.get("identifier") for element in listed(platform, "&acked=true")}
    assert done == {"10000001", "10000002"}
    assert not done & waiting
    assert done | waiting == {element.get("identifier") for element in listed(platform)}
    assert platform.unacknowledged() == waiting


def test_a_change_after_the_acknowledgement_sets_the_flag_again(platform):
    first = next(iter(platform.buildings["S1"].tenancies))
    identifier = platform.identifier(first)
    with_namespace = (
        f'<acknowledgements xmlns="{NS[1:-1]}"><acknowledgement>{identifier}</acknowledgement></acknowledgements>'
    )
    assert ask(platform, "/acked", XML, with_namespace)[0] == 200
    assert identifier not in platform.unacknowledged()
    platform.buildings["S1"].move_out(first, date(2026, 2, 1))
    assert identifier in platform.unacknowledged()


def test_acknowledging_by_external_reference(platform):
    ask(platform, "/10000001/extid", FORM, "extid=MAX1")
    body = "<acknowledgements><acknowledgement>MAX1</acknowledgement></acknowledgements>"
    assert ask(platform, "/external/acked", XML, body)[0] == 200
    assert "10000001" not in platform.unacknowledged()
    assert ask(platform, "/external/acked", XML, ACKNOWLEDGE_TWO)[0] == 404


def test_a_list_with_one_unknown_identifier_acknowledges_nothing(platform):
    body = ACKNOWLEDGE_TWO.replace("10000002", "99")
    before = platform.unacknowledged()
    assert ask(platform, "/acked", XML, body)[0] == 404
    assert platform.unacknowledged() == before


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 401),
        ("/", {"Authorization": "Basic " + base64.b64encode(b"sync@example.net:wrong").decode()}, 401),
        ("/1", BASIC, 404),
        ("/extid/nothing", BASIC, 404),
        ("/?limit=101", BASIC, 400),
        ("/?limit=0", BASIC, 400),
        ("/?limit=", BASIC, 400),
        ("/?acked=maybe", BASIC, 400),
        ("/?offset=-1", BASIC, 400),
        ("/?page=2", BASIC, 400),
    ],
)
def test_what_the_document_does_not_allow_is_refused(platform, path, headers, status):
    assert ask(platform, path, headers)[0] == status


@pytest.mark.parametrize("body", ["", "<acknowledgements/>", "<a><b>1</b></a>", "<!DOCTYPE a []><acknowledgements/>"])
def test_a_body_that_acknowledges_nothing_is_refused(platform, body):
    assert ask(platform, "/acked", XML, body)[0] == 400
    assert ask(platform, "/acked", FORM, ACKNOWLEDGE_TWO)[0] == 400


@pytest.mark.parametrize("kind", ["doctype", "laughs"])
def test_xml_with_a_document_type_comes_when_asked_for(platform, kind):
    platform.faults.add(kind)
    with pytest.raises(DTDForbidden):
        fromstring(ask(platform, "/", BASIC)[2], forbid_dtd=True)


def test_a_record_with_a_wrong_type_stays_xml(platform):
    platform.faults.add("wrong_type")
    broken = [element for element in get(platform) if not re.match(r"\d{4}-", element.findtext(f"{NS}start-date"))]
    assert len(broken) == 1
    assert isinstance(broken[0].find(f"{NS}start-date"), Element)
