"""hostapd's sae_password_file, read by hostapd."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioning.exports.controllers import FORMATS, LeftOut, Remark
from tests.provisioning.exports.controllers.living_key import PHONE, TABLET, known, living, text_of
from tests.provisioning.exports.controllers.readers import read_sae_passwords

PHRASE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)


def render(*keys):
    return list(FORMATS["sae-passwords"].render(keys))


def lines(*keys):
    return text_of(render(*keys)).splitlines()


def left_out(*keys):
    return [each for each in render(*keys) if isinstance(each, LeftOut)]


def test_a_key_has_a_line_by_identifier_and_one_for_each_known_device():
    ann = living(vlan=7, devices=[known(PHONE, registered=True), known(TABLET, sequence=4)])
    assert lines(ann) == [
        "sunny-Otter-41|vlanid=7|id=17",
        "sunny-Otter-41|mac=02:00:00:00:01:00|vlanid=7",
        "sunny-Otter-41|mac=02:00:00:00:01:01|vlanid=7",
    ]
    assert lines(living(18)) == ["sunny-Otter-41|id=18"]


def test_a_key_of_certain_devices_has_no_line_that_another_could_use():
    assert lines(living(only=(PHONE,), devices=[known(TABLET)])) == ["sunny-Otter-41|mac=02:00:00:00:01:00"]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"sequence": 9}, {"sequence": 4}),
        ({"registered": True}, {"sequence": 4}),
        ({"registered": True, "sequence": 1}, {"registered": False, "sequence": 4}),
    ],
)
def test_a_device_of_two_keys_has_the_line_of_the_one_it_comes_with(first, second, turned):
    keys = [
        living(17, passphrase="sunny-Otter-41", devices=[known(PHONE, **first)]),
        living(18, passphrase="maple-Falcon-77", devices=[known(PHONE, **second)]),
    ]
    written = lines(*(reversed(keys) if turned else keys))
    assert [line for line in written if "|mac=" in line] == ["sunny-Otter-41|mac=02:00:00:00:01:00"]


def test_a_former_passphrase_is_not_in_it():
    assert render(living(former=True, devices=[known(PHONE)])) == []


@pytest.mark.parametrize("option", ["|mac=", "|vlanid=", "|pk=", "|id="])
def test_a_passphrase_that_hostapd_would_take_apart_is_left_out_by_name(option):
    (out,) = left_out(living(passphrase=f"secret{option}Otter"))
    assert (out.id, out.identity) == (17, "Ann Lee")
    assert "Otter" not in out.reason
    assert "secret" not in out.reason
    assert not lines(living(passphrase=f"secret{option}Otter", devices=[known(PHONE)]))


def test_a_pmk_is_left_out_by_name():
    (out,) = left_out(living(passphrase="ab" * 32))
    assert out.reason == "it is a PMK, and SAE needs the passphrase"


def test_what_a_key_without_devices_means_is_said():
    keys = (living(), living(18, devices=[known(PHONE)]), living(19, only=()))
    said = [each.text for each in render(*keys) if isinstance(each, Remark)]
    assert said == ["1 key has no known device: one gets in only with the key's number as SAE identifier"]


@pytest.mark.peer("hostapd")
def test_hostapd_has_the_passwords_and_identifiers_as_they_are(tmp_path):
    phrases = [
        "sunny-Otter-41",
        " blanks around ",
        "#no comment",
        "ends with a bar|",
        "|||mac|id|",
        "x" * 63,
        "a=b|c=d ",
    ]
    keys = [living(n, passphrase=each, vlan=n, devices=[known(PHONE)]) for n, each in enumerate(phrases, 1)]
    read = read_sae_passwords(tmp_path, text_of(render(*keys)))
    assert read[0] == (phrases[0], None)  # the line of the phone, of the first key, is the last one
    assert read[1:] == [(each, str(n)) for n, each in reversed(list(enumerate(phrases, 1)))]


@pytest.mark.peer("hostapd")
def test_hostapd_takes_apart_what_is_left_out(tmp_path):
    assert read_sae_passwords(tmp_path, "secret|id=Otter|id=17\n") == [("secret", "Otter|id=17")]


@pytest.mark.peer("hostapd")
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(PHRASE, st.text("|macid=vln:0 ", min_size=8, max_size=20)), min_size=5, max_size=10))
def test_hostapd_reads_any_passphrase_that_is_not_left_out(tmp_path, phrases):
    rendered = render(*(living(n, passphrase=each) for n, each in enumerate(phrases, 1)))
    out = {each.id for each in rendered if isinstance(each, LeftOut)}
    expected = [(each, str(n)) for n, each in enumerate(phrases, 1) if n not in out]
    assert read_sae_passwords(tmp_path, text_of(rendered))[::-1] == expected
