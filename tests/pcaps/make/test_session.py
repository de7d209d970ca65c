"""Made handshakes beside recordings of real ones, beside hashlib and hmac, and under VAULT's field names."""

import hashlib
import hmac
import random
import re
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import Akm, Handshake, MacAddress, Pmk, Ssid, find_elements, sign, verify_mic
from pcaps.errors import OptionError
from pcaps.make.recipe import GENERATORS, Credential, Recipe, disagrees, parse_credential
from pcaps.make.session import make_session, make_sessions
from pcaps.make.vault_record import expiration, render_dpsk, render_packet
from radiusd import DIALECTS, SharedSecret
from radiusd.codec import decode_request

REQUESTS = tomllib.loads((Path(__file__).parents[2] / "vectors/hwsim/requests.toml").read_text("utf-8"))
GENERATOR_OF = {"00-0F-AC:2": ("cambium", None), "00-0F-AC:6": ("cambium", "psk-sha256"), "00-0F-AC:4": ("ft", None)}
FT_EXAMPLE = {  # the request sample of VAULT's FT section
    "nas_identifier": "luxury-apartments-controller",
    "ssid": "Enterprise_Secure_5G",
    "bssid": "00:1A:2B:3C:4D:5E",
    "station": "AA:BB:CC:DD:EE:FF",
    "mdid": "a1b2",
}


@pytest.fixture
def rng():
    return random.Random("the same each time")


def recorded(case):
    request = decode_request(bytes.fromhex(case["access_request"]), SharedSecret(REQUESTS["secret"].encode()))
    return DIALECTS["hostapd"].decode_request(request)


def repeat(case, rng, **changes):
    """Return the session made with the values of a recording."""
    generator, akm = GENERATOR_OF[case["akm"]]
    handshake = recorded(case)
    options = {
        "ssid": case["ssid"],
        "akm": akm,
        "nas_identifier": case["nas_identifier"],
        "bssid": case["bssid"],
        "station": case["station"],
        "anonce": handshake.anonce.hex(),
        "snonce": handshake.m2.snonce.hex(),
    }
    recipe = Recipe.parse(generator, **{**options, **changes})
    return make_session(recipe, parse_credential(recipe.ssid, case["passphrase"].encode()), rng)


def session(generator, rng, psk=b"StrongPassword2024!", **options):
    recipe = Recipe.parse(generator, **{"ssid": "ResidentWiFi_5G", **options})
    return make_session(recipe, parse_credential(recipe.ssid, psk), rng)


@pytest.mark.parametrize("case", REQUESTS["case"], ids=lambda case: case["name"])
def test_the_values_of_a_recording_make_the_frame_that_was_recorded(case, rng):
    made, theirs = repeat(case, rng), recorded(case)
    assert made.pmk == Pmk(bytes.fromhex(case["pmk"]))
    assert str(made.handshake.akm) == case["akm"]
    if case["name"] == "psk-sha256-pmf":  # its station asked for protected management frames in its RSNE; ours does not
        unsigned = replace(made.handshake, m2=replace(made.handshake.m2, key_data=theirs.m2.key_data))
        assert sign(made.pmk, unsigned).m2.octets == theirs.m2.octets
    else:
        assert made.handshake == theirs
        assert made.handshake.m2.octets == theirs.m2.octets


@pytest.mark.parametrize(
    ("generator", "akm", "version", "key_information"),
    [
        ("wpa2", None, 2, "010a"),
        ("wpa2", "psk-sha256", 2, "010b"),
        ("cambium", None, 1, "010a"),
        ("ruckus", None, 2, "010a"),
        ("ft", None, 1, "010b"),
    ],
)
def test_each_generator_has_its_version_and_key_information(generator, akm, version, key_information, rng):
    frame = session(generator, rng, akm=akm).handshake.m2.octets.hex()
    assert frame.startswith(f"{version:02x}03{len(frame) // 2 - 4:04x}02{key_information}")


def test_wpa2_agrees_with_hashlib_and_hmac(rng):
    made = session("wpa2", rng)
    record = render_packet("wpa2", made)
    pmk = hashlib.pbkdf2_hmac("sha1", b"StrongPassword2024!", b"ResidentWiFi_5G", 4096, 32)
    assert record["PMK"] == pmk.hex()
    anonce, snonce = (bytes.fromhex(record[name]) for name in ("ANonce", "SNonce"))
    aa, spa = (bytes.fromhex(record[name].replace(":", "")) for name in ("BSSID", "MACAddress"))
    context = min(aa, spa) + max(aa, spa) + min(anonce, snonce) + max(anonce, snonce)
    kck = hmac.digest(pmk, b"Pairwise key expansion\0" + context + b"\0", "sha1")[:16]
    assert record["KCK"] == kck.hex()
    frame = bytes.fromhex(record["EAPOLFrame"])
    assert frame[17:49] == snonce
    mic = hmac.digest(kck, frame[:81] + bytes(16) + frame[97:], "sha1")[:16]
    assert record["MIC"] == mic.hex() == frame[81:97].hex()
    assert record["RSNE"] == frame[99:].hex() == "30140100000fac040100000fac040100000fac020000"


# The names, and the form of each value, of the response samples in VAULT's four sections.
MAC = r"^([0-9A-F]{2}:){5}[0-9A-F]{2}$"
NONCE = KEY = r"^[0-9a-f]{64}$"
HEX = r"^([0-9a-f]{2})+$"
HANDSHAKE = {"EAPOLFrame": HEX, "ANonce": NONCE, "SNonce": NONCE, "BSSID": MAC, "MACAddress": MAC, "PMK": KEY}
OUTCOME = {"message": "generated successfully", "errorProcessing": "^False$"}
LACKING = {"KCK": r"^[0-9a-f]{32}$", "MIC": r"^[0-9a-f]{32}$", "RSNE": "^30"}
FIELDS = {
    "wpa2": {**HANDSHAKE, "KeyVersion": "^2$", **OUTCOME, **LACKING},
    "cambium": {**HANDSHAKE, "KeyVersion": "^2$", **OUTCOME, **LACKING},
    "ft": {
        **HANDSHAKE,
        "KeyVersion": "^3$",
        "PMK_R0": KEY,
        "PMK_R1": KEY,
        "FTIE": "^37",
        "MDIE": "^3603a1b201$",
        "R0KH_ID": "^ap1$",
        "R1KH_ID": MAC,
        "MDID": "^a1b2$",
        **OUTCOME,
        **LACKING,
    },
}


@pytest.mark.parametrize("generator", FIELDS)
def test_records_have_vaults_names_and_forms(generator, rng):
    record = render_packet(generator, session(generator, rng, nas_identifier="ap1"))
    for name, form in FIELDS[generator].items():
        assert re.search(form, str(record[name])), name
    assert isinstance(record["KeyVersion"], int)
    assert record["errorProcessing"] is False


def test_ft_example_of_vault_gives_its_elements(rng):
    recipe = Recipe.parse("ft", **FT_EXAMPLE)
    made = make_session(recipe, parse_credential(recipe.ssid, b"FTRoaming2024Secure!"), rng)
    record = render_packet("ft", made)
    assert record["MDIE"] == "3603a1b201"
    assert (record["MDID"], record["R0KH_ID"], record["R1KH_ID"]) == (
        "a1b2",
        FT_EXAMPLE["nas_identifier"],
        record["BSSID"],
    )
    assert record["BSSID"] == "00:1A:2B:3C:4D:5E"
    subelements = "0106001a2b3c4d5e" + "031c" + FT_EXAMPLE["nas_identifier"].encode().hex()
    assert record["FTIE"] == "3778" + "00" * 82 + subelements
    frame = record["EAPOLFrame"]
    assert frame.endswith(record["RSNE"] + record["MDIE"] + record["FTIE"])
    assert record["RSNE"].endswith("0100" + record["PMKR1Name"])


def test_ft_keys_are_those_of_the_recording(rng):
    case = next(case for case in REQUESTS["case"] if case["akm"] == "00-0F-AC:4")
    record = render_packet("ft", repeat(case, rng))
    elements = find_elements(recorded(case).m2.key_data)
    assert record["PMKR1Name"] == elements.rsne.pmkids[0].hex()
    assert record["FTIE"] == elements.fte.encode().hex()
    assert record["MDIE"] == elements.mde.encode().hex()


def test_ft_without_a_name_takes_the_bssid_for_its_r0kh_id(rng):
    made = session("ft", rng, bssid="02-00-00-00-00-0A")
    assert made.nas_identifier == made.handshake.ft.r0kh_id == b"02000000000a"


def test_dpsk_has_vaults_fields_and_the_attribute_on_the_air(rng):
    made = session("ruckus", rng, ssid="Resident_Secure", psk=b"MySecurePass2024")
    record = render_dpsk(made, venue_id="venue_12345", expires=expiration(90, date(2024, 1, 18)))
    assert {name: record[name] for name in ("Attribute153", "DPSKPassphrase", "ExpirationDate", "SSID", "VenueID")} == {
        "Attribute153": "MySecurePass2024",
        "DPSKPassphrase": "MySecurePass2024",
        "ExpirationDate": "2024-04-17T00:00:00.000Z",
        "SSID": "Resident_Secure",
        "VenueID": "venue_12345",
    }
    frame = record["EAPOLFrame"]
    params = f"0106000fac020203040322{record['ANonce']}047b{frame}"
    assert record["DPSKParams"] == params
    assert record["DPSKParamsAttribute"] == f"1aae000061dd99a8{params}"


def test_dpsk_of_a_pmk_alone_is_the_pmk(rng):
    ssid = Ssid(b"Resident_Secure")
    pmk = "92d95bbacec86e5926884d8b0c9d8c9e4009706644f58e63b18fd419c6e3c6cb"
    credential = parse_credential(ssid, None, pmk)
    made = make_session(Recipe.parse("ruckus", ssid="Resident_Secure"), credential, rng)
    record = render_dpsk(made, venue_id=None, expires=None)
    assert record["Attribute153"] == record["PMK"] == pmk
    assert record["DPSKPassphrase"] is record["ExpirationDate"] is record["VenueID"] is None
    assert verify_mic(Pmk(bytes.fromhex(pmk)), made.handshake)


def test_a_pmk_beside_a_passphrase_is_taken_and_their_disagreement_told():
    ssid = Ssid(b"Resident_Secure")
    right = parse_credential(ssid, b"MySecurePass2024").pmk.value.hex()
    assert not disagrees(ssid, parse_credential(ssid, b"MySecurePass2024", right))
    other = parse_credential(ssid, b"MySecurePass2024", "00" * 32)
    assert other.pmk == Pmk(bytes(32))
    assert disagrees(ssid, other)


@pytest.mark.parametrize(("days", "ends"), [(None, None), (0, None), (1, datetime(2026, 3, 1, tzinfo=UTC))])
def test_expiration_is_a_midnight_or_never(days, ends):
    assert expiration(days, date(2026, 2, 28)) == ends


@pytest.mark.parametrize("days", [-1, 366])
def test_expiration_out_of_range_is_refused(days):
    with pytest.raises(OptionError, match=rf"^--expiration-days: must be 0 to 365, got {days}$"):
        expiration(days, date(2026, 2, 28))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ssid": ""}, "--ssid: SSID must be 1 to 32 octets, got 0"),
        ({"ssid": "x" * 33}, "--ssid: SSID must be 1 to 32 octets, got 33"),
        ({"ssid": "é" * 17}, "--ssid: SSID must be 1 to 32 octets, got 34"),
        ({"bssid": "02:00:00:00:00"}, "--bssid: not a MAC address: '02:00:00:00:00'"),
        ({"station": "02:00:00:00:00:0g"}, "--station: not a MAC address: '02:00:00:00:00:0g'"),
        ({"station": "03:00:00:00:00:00"}, "--station: 03:00:00:00:00:00 is a group address, no device's"),
        ({"bssid": "020000000001", "station": "02-00-00-00-00-01"}, "--station: the address of the access point"),
        ({"mdid": "a1b"}, "--mdid: an MDID must be 4 hex digits, got 3 characters"),
        ({"mdid": "a1bg"}, "--mdid: an MDID must be 4 hex digits, got 4 characters"),
        ({"mdid": "a1 b2"}, "--mdid: an MDID must be 4 hex digits, got 5 characters"),
        ({"anonce": "00" * 31}, "--anonce: a nonce must be 64 hex digits, got 62 characters"),
        ({"snonce": "0x" * 32}, "--snonce: a nonce must be 64 hex digits, got 64 characters"),
        ({"nas_identifier": ""}, "--nas-identifier: must be 1 to 48 octets here, got 0"),
        ({"nas_identifier": "n" * 49}, "--nas-identifier: must be 1 to 48 octets here, got 49"),
    ],
)
def test_bad_options_are_refused_by_name(options, message):
    with pytest.raises(OptionError) as error:
        Recipe.parse("ft", **{"ssid": "x", **options})
    assert str(error.value).startswith(message)


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {"ssid": st.text(max_size=40)},
        optional=dict.fromkeys(
            ("nas_identifier", "bssid", "station", "anonce", "snonce", "mdid"),
            st.text(max_size=70) | st.text("0123456789abcdefABCDEF:-", max_size=70),
        ),
    ),
    st.sampled_from(sorted(GENERATORS)),
)
def test_any_text_is_a_recipe_or_refused(options, generator):
    try:
        recipe = Recipe.parse(generator, **options)
    except OptionError:
        return
    assert recipe.ssid == Ssid.parse(options["ssid"])


@pytest.mark.parametrize(
    ("psk", "message"),
    [
        (b"1234567", "--psk: passphrase must be 8 to 63 octets or 64 hex digits, got 7"),
        (b"g" * 64, "--psk: passphrase of 64 characters must be all hex digits"),
        (b"a" * 65, "--psk: passphrase must be 8 to 63 octets or 64 hex digits, got 65"),
        ("pässword".encode(), "--psk: passphrase octet 2 of 9 is not printable ASCII"),
    ],
)
def test_bad_passphrases_are_refused_and_not_repeated(psk, message):
    with pytest.raises(OptionError) as error:
        parse_credential(Ssid(b"x"), psk)
    assert str(error.value) == message


@pytest.mark.parametrize("pmk", ["", "00" * 31, "0g" * 32])
def test_a_bad_pmk_is_refused_and_not_repeated(pmk):
    with pytest.raises(OptionError, match=rf"^--pmk: a PMK must be 64 hex digits, got {len(pmk)} characters$"):
        parse_credential(Ssid(b"x"), None, pmk)


def test_a_seed_repeats_and_giving_one_value_leaves_the_others():
    first = session("wpa2", random.Random("7"))
    assert session("wpa2", random.Random("7")) == first
    assert session("wpa2", random.Random("8")) != first
    given = session("wpa2", random.Random("7"), station="02:00:00:00:01:00").handshake
    assert given.spa == MacAddress.parse("020000000100")
    assert (given.aa, given.anonce, given.m2.snonce) == (
        first.handshake.aa,
        first.handshake.anonce,
        first.handshake.m2.snonce,
    )


def test_secrets_stay_out_of_representations(rng):
    made = session("wpa2", rng, psk=b"0123456789abcdef" * 4)
    assert b"0123456789abcdef".decode() not in repr(made)


macs = st.binary(min_size=6, max_size=6).map(lambda octets: bytes([octets[0] & 0xFE]) + octets[1:])


@settings(deadline=None)
@given(
    generator=st.sampled_from(sorted(GENERATORS)),
    ssid=st.binary(min_size=1, max_size=32),
    pmk=st.binary(min_size=32, max_size=32),
    addresses=st.lists(macs, min_size=2, max_size=2, unique=True),
    seed=st.integers(),
    sha256=st.booleans(),
)
def test_what_is_made_is_found_by_its_key_and_no_other(generator, ssid, pmk, addresses, seed, sha256):
    akm = GENERATORS[generator].akm
    recipe = Recipe(
        generator=GENERATORS[generator],
        ssid=Ssid(ssid),
        akm=Akm.PSK_SHA256 if sha256 and akm is Akm.PSK else akm,
        bssid=MacAddress(addresses[0]),
        station=MacAddress(addresses[1]),
    )
    made = make_session(recipe, Credential(Pmk(pmk)), random.Random(seed)).handshake
    again = Handshake.build(ssid=made.ssid, aa=made.aa, spa=made.spa, anonce=made.anonce, frame=made.m2.octets)
    assert again == made
    assert verify_mic(Pmk(pmk), again)
    assert not verify_mic(Pmk(bytes([pmk[0] ^ 1]) + pmk[1:]), again)


@pytest.mark.parametrize("count", [1, 3, 300])  # 300: by the kernels
def test_a_bulk_gives_each_device_its_own_key(count, rng):
    recipe = Recipe.parse("ruckus", ssid="Resident_Secure")
    told = []
    made = list(make_sessions(recipe, count, None, rng, progress=lambda *numbers: told.append(numbers)))
    assert told == [(count, count)]
    assert len({each.credential.passphrase for each in made}) == len({each.handshake.spa for each in made}) == count
    last = made[-1]
    pmk = hashlib.pbkdf2_hmac("sha1", last.credential.passphrase, b"Resident_Secure", 4096, 32)
    assert last.pmk.value == pmk
    assert [each for each in made if verify_mic(each.pmk, last.handshake)] == [last]


def test_a_bulk_with_a_passphrase_keeps_it(rng):
    recipe = Recipe.parse("wpa2", ssid="x", bssid="020000000001")
    credential = parse_credential(recipe.ssid, b"12345678")
    made = list(make_sessions(recipe, 3, credential, rng))
    assert {each.credential for each in made} == {credential}
    assert {each.handshake.aa for each in made} == {recipe.bssid}
    assert len({each.handshake.m2.octets for each in made}) == 3
