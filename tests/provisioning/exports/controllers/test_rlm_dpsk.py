"""The file of rlm_dpsk, taken apart with FreeRADIUS's own function, and read by `key import`."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning import Refusal
from provisioning.exports.controllers import FORMATS, LeftOut, Remark
from provisioning.sheets import DpskRows, SheetOptions, SheetReader
from tests.provisioning.exports.controllers.living_key import PHONE, TABLET, known, living, text_of
from tests.provisioning.exports.controllers.readers import Refused, read_dpsk_file

OTHER = bytes.fromhex("02000000ffff")
NAME = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=60).filter(
    str.strip
)
PHRASE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)


def render(*keys):
    return list(FORMATS["rlm_dpsk"].render(keys))


def text(*keys):
    return text_of(render(*keys))


def imported(octets):
    reader = SheetReader(io.BytesIO(octets), SheetOptions(header=False, formulas=True))
    rows = list(DpskRows(reader, formulas=True))
    assert not any(isinstance(row, Refusal) for row in rows), rows
    return [(draft.identity, draft.passphrase.value.decode(), draft.vlan) for _, draft in rows]


def test_a_row_is_as_short_as_can_be_so_that_earlier_versions_read_it():
    assert text(living(identity="ann"), living(18, "bob", vlan=7)) == "ann,sunny-Otter-41\nbob,sunny-Otter-41,,7\n"


def test_blanks_are_quoted_which_would_end_a_field():
    assert text(living(passphrase="maple falcon owl")) == '"Ann Lee","maple falcon owl"\n'


def test_a_quote_is_escaped_and_not_doubled():
    assert text(living(identity='Ann "B" Lee', passphrase="back\\ slash")) == '"Ann \\"B\\" Lee","back\\\\ slash"\n'


def test_registered_devices_are_in_no_row_which_would_shut_others_out():
    assert text(living(identity="ann", devices=[known(PHONE, registered=True)])) == "ann,sunny-Otter-41\n"


def test_rows_of_certain_devices_come_last():
    written = text(living(identity="ann", only=(PHONE, TABLET), vlan=7), living(18, "bob", "maple-Falcon-77"))
    assert written == ("bob,maple-Falcon-77\nann,sunny-Otter-41,020000000100,7\nann,sunny-Otter-41,020000000101,7\n")


def test_a_second_row_for_a_device_is_left_out_by_name():
    rendered = render(living(only=(PHONE,)), living(18, "Bob", only=(TABLET, PHONE)))
    (out,) = (each for each in rendered if isinstance(each, LeftOut))
    assert (out.id, out.identity) == (18, "Bob")
    assert text_of(rendered).count("\n") == 1


def test_a_pmk_is_left_out_by_name():
    (out,) = render(living(passphrase="ab" * 32))
    assert out == LeftOut(17, "Ann Lee", "it is a PMK, and rlm_dpsk would take it for a passphrase")


def test_a_former_passphrase_is_a_row_more():
    assert text(living(identity="ann"), living(identity="ann", passphrase="the-former-one", former=True)) == (
        "ann,sunny-Otter-41\nann,the-former-one\n"
    )


def test_which_version_reads_vlans_is_said():
    assert not [each for each in render(living()) if isinstance(each, Remark)]
    (said,) = (each for each in render(living(vlan=7), living(18, vlan=8)) if isinstance(each, Remark))
    assert "3.2.11" in said.text


@pytest.mark.peer("freeradius")
def test_rlm_dpsk_would_stop_at_what_the_form_dpsk_writes_for_a_blank():
    with pytest.raises(Refused, match="no comma behind the identity"):
        read_dpsk_file(b"Ann Lee,sunny-Otter-41\n", OTHER)
    with pytest.raises(Refused, match="no comma behind the identity"):
        read_dpsk_file(b'"Ann ""B"" Lee",sunny-Otter-41\n', OTHER)


@pytest.mark.peer("freeradius")
def test_rlm_dpsk_tries_a_devices_row_behind_all_others_and_no_other_devices():
    octets = text(living(only=(PHONE,), vlan=7), living(18, "Bob", "maple-Falcon-77")).encode()
    assert read_dpsk_file(octets, PHONE.value) == [("Bob", "maple-Falcon-77", None), ("Ann Lee", "sunny-Otter-41", 7)]
    assert read_dpsk_file(octets, OTHER) == [("Bob", "maple-Falcon-77", None)]


@pytest.mark.peer("freeradius")
@given(st.lists(st.tuples(NAME, PHRASE, st.one_of(st.none(), st.integers(1, 4094))), max_size=8))
def test_rlm_dpsk_reads_any_name_and_passphrase_as_it_is(rows):
    keys = [living(n, name, phrase, vlan=vlan) for n, (name, phrase, vlan) in enumerate(rows, 1)]
    assert read_dpsk_file(text(*keys).encode(), OTHER) == rows


@pytest.mark.peer("freeradius")
@pytest.mark.parametrize("identity", ["Zoë Ünal", "'t Hart", "`tick", '"', "\\", "a,b", "#1", "x" * 253, '" \\' * 84])
def test_rlm_dpsk_reads_names_that_are_none_of_the_usual(identity):
    assert read_dpsk_file(text(living(identity=identity)).encode(), OTHER) == [(identity, "sunny-Otter-41", None)]


@given(st.lists(st.tuples(NAME, PHRASE, st.one_of(st.none(), st.integers(1, 4094))), min_size=1, max_size=8))
def test_key_import_reads_the_same_keys_where_no_row_needs_a_backslash(rows):
    rows = [row for row in rows if not any(re.search(r'["\\]', each) for each in row[:2])]
    keys = [living(n, name, phrase, vlan=vlan) for n, (name, phrase, vlan) in enumerate(rows, 1)]
    assert imported(text(*keys).encode()) == rows
