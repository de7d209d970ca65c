"""Headers of sheets."""

import pytest

from provisioning.errors import FileRefused, InvalidValue
from provisioning.sheets.columns import FIELDS, by_position, find_columns, parse_map


def places(header, *maps, separator=","):
    found = find_columns(1, header.split(separator), parse_map(maps))
    return None if found is None else dict(found.places)


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        ("identity,psk", "identity,psk"),
        ("psk,identity", "psk,identity"),
        ("identity,psk,mac,vlanid", "identity,psk,mac,vlan"),
        ("mac,identity,psk", "mac,identity,psk"),
        (",".join(FIELDS), ",".join(FIELDS)),
        ("Name,Password", "identity,psk"),
        (" NAME , Wi-Fi Key ", "identity,psk"),
        ("Resident,Flat,Wi-Fi password (8-63),Move-in,Move-out", "identity,unit,psk,starts,ends"),
        ("Tenant name,Unit No.,Building,Floor,WPA2 key,VLAN ID", "identity,unit,building,floor,psk,vlan"),
        ("Resident,Apartment #,Property,SSID,Passphrase", "identity,unit,venue,pool,psk"),
        ("external_id,Name,PSK,Service plan,Tag,Status", "external_id,identity,psk,plan,tag,status"),
        ("Account,Full name,Passphrase,From,Until", "subscriber,identity,psk,starts,ends"),
        ("Mieter,Wohnung,Geb\u00e4ude,WLAN-Schl\u00fcssel,Einzug,Auszug", "identity,unit,building,psk,starts,ends"),
        ("Locataire,Appartement,\u00c9tage,Mot de passe", "identity,unit,floor,psk"),
        ("Nombre,Contrase\u00f1a", "identity,psk"),
        ("Naam,Kamer,Wachtwoord", "identity,unit,psk"),
    ],
)
def test_known_names_are_found_in_any_order(header, fields):
    assert places(header) == {name: place for place, name in enumerate(fields.split(","))}


@pytest.mark.parametrize(
    "row",
    [
        "Ann Lee,sunny-Otter-41",
        "Guest,guestpass99",
        "Flat 4B,maple-Falcon-77,,104",
        "Zimmer 12,Kennwort1",
        "ann,Password-Otter-41",
        "4B,sunny-Otter-41,,104",
        "Name of the Rose,Umberto-1980",
        "ann",
    ],
)
def test_a_key_is_no_header(row):
    assert places(row) is None


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("Name,Key", "psk"),  # of the door, perhaps
        ("Tenant,Zauberwort", "psk"),
        ("Name,Flat", "psk"),
        ("Flat,Password", "identity"),
        ("Flat,VLAN,MAC", "identity"),
        ("ann,sunny,MAC", "identity"),
        ("Wohnung,Kennwort1", "identity"),
    ],
)
def test_a_header_that_does_not_name_both_is_refused(header, missing):
    with pytest.raises(FileRefused, match=r"^line 1: reads like a header, but no column is the ") as caught:
        places(header)
    assert f"--map COLUMN={missing} names it; say --no-header if the row is a key" in str(caught.value)


@pytest.mark.parametrize(
    ("header", "maps", "expected"),
    [
        ("Who,Key", ["Key=psk"], {"identity": 0, "psk": 1}),
        ("Flat,Password", ["Flat=identity"], {"identity": 0, "psk": 1}),
        ("Flat,Password", ["flat=identity", "flat=unit"], {"identity": 0, "unit": 0, "psk": 1}),
        ("Name,Resident,Password", ["Resident=identity"], {"identity": 1, "psk": 2}),
        ("Name,Password,Status", ["status="], {"identity": 0, "psk": 1}),
        ("a=b,Password", ["a=b=identity"], {"identity": 0, "psk": 1}),
        ("Foo,Bar,VLAN", ["Foo = passphrase", "Bar=name"], {"psk": 0, "identity": 1, "vlan": 2}),
    ],
)
def test_other_names_are_mapped(header, maps, expected):
    assert places(header, *maps) == expected


def test_the_fields_own_name_is_meant_before_another():
    assert places("Name,identity,psk,Password") == {"identity": 1, "psk": 2}
    with pytest.raises(FileRefused, match="line 1: columns 1 and 2 are both the identity: say which with --map"):
        places("Name,Resident,psk")


@pytest.mark.parametrize(
    ("maps", "said"),
    [
        (["Flat"], "--map 'Flat': say COLUMN=FIELD, as 'Flat no=unit'"),
        (["=psk"], "--map '=psk': say COLUMN=FIELD, as 'Flat no=unit'"),
        (["Flat=units"], "--map 'Flat=units': no field 'units': did you mean unit?"),
        (["Flat=zzz"], f"--map 'Flat=zzz': no field 'zzz': there is {', '.join(FIELDS)}"),
        (["A=psk", "B=password"], "--map names two columns for psk"),
    ],
)
def test_a_map_that_says_nothing_is_refused(maps, said):
    with pytest.raises(InvalidValue) as caught:
        parse_map(maps)
    assert str(caught.value) == said


def test_a_map_of_a_column_that_is_not_there_shows_no_cell():
    with pytest.raises(FileRefused) as caught:
        places("ann,sunny-Otter-41", "Flat=unit")
    assert str(caught.value) == "line 1: no column is called 'Flat' (--map)"
    with pytest.raises(FileRefused, match="2 columns are called 'FLAT'"):
        places("Flat,flat,psk,identity", "FLAT=unit")
    assert places("Flat,flat,psk,identity", "flat=unit") == {"unit": 1, "psk": 2, "identity": 3}


def test_what_is_not_stored_is_said():
    found = find_columns(1, ["Name", "Password", "E-Mail", "Phone", "", "Rent due", "line", "reason"])
    assert found is not None
    assert found.notes == (
        "column 'E-Mail' is not stored: no e-mail addresses are kept",
        "columns 'Phone', 'Rent due' left alone: --map COLUMN=FIELD takes one",
    )


def test_without_a_header_columns_have_their_place_or_a_number():
    assert dict(by_position().places) == {"identity": 0, "psk": 1, "mac": 2, "vlan": 3}
    found = by_position(parse_map(["3=identity", "1=psk", "4=unit"]))
    assert (dict(found.places), found.widest) == ({"identity": 2, "psk": 0, "unit": 3}, 4)
    with pytest.raises(InvalidValue, match="no column is the passphrase"):
        by_position(parse_map(["3=identity"]))
    for column in ("Name", "0", "257", "٣"):
        with pytest.raises(InvalidValue, match="without a header a column is a number"):
            by_position(((column, "identity"),))
