"""Wi-Fi QR codes, read by zxing-cpp and unescaped by a reader that follows ZXing's WifiResultParser."""

import io
import re

import numpy as np
import pypdfium2
import pytest
import zxingcpp
from fpdf import FPDF
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from crypto import Ssid
from provisioning.errors import InvalidValue
from provisioning.exports import qr_doubts, qr_png, qr_svg, qr_terminal, wifi_uri
from provisioning.model import Passphrase

PASSPHRASES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)
PMKS = st.text("0123456789abcdefABCDEF", min_size=64, max_size=64)
AWKWARD = st.text('\\;,:"SPTH 1', min_size=8, max_size=63)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=32).filter(
    lambda name: len(name.encode()) <= 32
)


def passphrase(text):
    return Passphrase(text.encode("ascii"))


def read(image):
    """Return the octets of the one QR code in a picture."""
    (found,) = zxingcpp.read_barcodes(np.asarray(image.convert("L")), formats=zxingcpp.BarcodeFormat.QRCode)
    return found.bytes


def field(uri, name):
    """Return a field as ZXing's ResultParser.matchSinglePrefixedField finds it: the first `name:` anywhere, up to a
    semicolon with an even number of backslashes before it, one backslash off each pair."""
    assert uri.startswith("WIFI:")
    found = re.search(rf"{name}:((?:[^;\\]|\\.)*);", uri[5:], re.DOTALL)
    return found and re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)


def png(uri):
    return Image.open(io.BytesIO(qr_png(uri, scale=3)))


@pytest.mark.parametrize(
    ("ssid", "secret", "uri"),
    [
        ("Lobby", "password", "WIFI:T:WPA;S:Lobby;P:password;;"),
        ("a\\b", "\\\\\\\\\\\\\\x", "WIFI:T:WPA;S:a\\\\b;P:" + "\\" * 14 + "x;;"),
        ("a;b", ";;;;;;;;", r"WIFI:T:WPA;S:a\;b;P:\;\;\;\;\;\;\;\;;;"),
        ("a,b", "1,2,3,4,", r"WIFI:T:WPA;S:a\,b;P:1\,2\,3\,4\,;;"),
        ("P:x", "S:T:P:H:", r"WIFI:T:WPA;S:P\:x;P:S\:T\:P\:H\:;;"),
        ('"foo;bar\\baz"', "password", r"WIFI:T:WPA;S:\"foo\;bar\\baz\";P:password;;"),  # the example of ZXing's page
        ("CAFE", "12345678", "WIFI:T:WPA;S:CAFE;P:12345678;;"),  # an iPhone would take quotes for part of them
        (" a ", " blanks ", "WIFI:T:WPA;S: a ;P: blanks ;;"),
        ("100%", "%41%42%43", "WIFI:T:WPA;S:100%;P:%41%42%43;;"),
        ("Zürich 東京 🛎", "password", "WIFI:T:WPA;S:Zürich 東京 🛎;P:password;;"),
        ("raw", "0a" * 32, "WIFI:T:WPA;S:raw;P:" + "0a" * 32 + ";;"),
    ],
)
def test_uri_is_escaped_as_zxing_says(ssid, secret, uri):
    assert wifi_uri(Ssid.parse(ssid), passphrase(secret)) == uri


def test_hidden_network_is_named_so():
    uri = wifi_uri(Ssid(b"Staff"), passphrase("password"), hidden=True)
    assert uri == "WIFI:T:WPA;S:Staff;P:password;H:true;;"


def test_ssid_that_is_not_utf8_is_refused_and_named():
    with pytest.raises(InvalidValue, match=r"SSID caf\\xe9 is not UTF-8"):
        wifi_uri(Ssid(b"caf\xe9"), passphrase("do-not-tell"))


@settings(deadline=None, max_examples=60)
@given(NAMES, PASSPHRASES | PMKS | AWKWARD, st.booleans())
@example("P:12345678", "S:P:T:H:true;", True)
@example("\\", "backslash\\", True)
@example("é", "password", False)  # one octet above 127 in Latin-1, two in UTF-8
@example("ｱｲｳ", "password", False)  # what a reader could take for Shift JIS
@example("\0\n\r\t\x7f", "password", False)
def test_png_holds_what_went_in(ssid, secret, hidden):
    uri = read(png(wifi_uri(Ssid.parse(ssid), passphrase(secret), hidden=hidden))).decode("utf-8")
    assert field(uri, "T") == "WPA"
    assert field(uri, "S") == ssid
    assert field(uri, "P") == secret
    assert field(uri, "H") == ("true" if hidden else None)


@pytest.mark.parametrize("name", ["Café", "Zürich", "東京", "مرحبا", "Привет", "🛎", "ｱｲｳ"])
def test_reader_that_guesses_the_encoding_guesses_utf8(name):
    (found,) = zxingcpp.read_barcodes(np.asarray(png(wifi_uri(Ssid.parse(name), passphrase("password"))).convert("L")))
    assert field(found.text, "S") == name


def android_reads(uri, name):
    """Return a field as Android's WifiUriParser finds it: split at semicolons without one backslash before them."""
    for pair in re.split(r"(?<!\\);", uri[5:]):
        if pair.lstrip().startswith(f"{name}:"):
            bare = re.sub(r"\\(\\?)", r"\1", pair.lstrip()[2:])
            return bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] == '"' else bare
    return None


@given(
    NAMES | st.text('\\"ab', min_size=1, max_size=6), PASSPHRASES | AWKWARD | st.text('\\"a', min_size=8, max_size=9)
)
@example("a\\", "password")
@example('"a"', '"password"')
def test_doubts_are_what_android_misreads(ssid, secret):
    uri = wifi_uri(Ssid.parse(ssid), passphrase(secret))
    right = android_reads(uri, "S") == ssid and android_reads(uri, "P") == secret
    assert right == (not qr_doubts(Ssid.parse(ssid), passphrase(secret)))


def test_doubts_hold_no_secret():
    assert not any("drowssap" in doubt for doubt in qr_doubts(Ssid(b"a\\"), passphrase('"drowssap\\')))


def screen(text, foreground, background):
    """Return the picture that a terminal of these colours shows: a half block is two pixels, one above the other."""
    lines = text.splitlines()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    image = Image.new("L", (max(map(len, plain)) + 8, 2 * len(lines) + 8), background)
    draw = ImageDraw.Draw(image)
    for row, (line, bare) in enumerate(zip(lines, plain, strict=True)):
        on, off = (0, 255) if line.startswith("\x1b[38;5;16;48;5;231m") else (foreground, background)
        assert line.endswith("\x1b[0m") == line.startswith("\x1b")  # nothing after the line is coloured
        for column, character in enumerate(bare):
            upper, lower = {" ": (off, off), "▀": (on, off), "▄": (off, on), "█": (on, on)}[character]
            draw.point((column + 4, 2 * row + 4), upper)
            draw.point((column + 4, 2 * row + 5), lower)
    return image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST)


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize(("foreground", "background"), [(230, 20), (20, 240)], ids=["dark", "light"])
@pytest.mark.parametrize("secret", ["password", "0a" * 32])
def test_code_on_a_terminal_is_read(secret, foreground, background, colour):
    uri = wifi_uri(Ssid(b"Lobby"), passphrase(secret))
    text = qr_terminal(uri, colour=colour)
    assert text.endswith("\n")
    assert read(screen(text, foreground, background)).decode() == uri


def test_code_on_a_terminal_fits_80_columns():
    longest = wifi_uri(Ssid(b";" * 32), passphrase(";" * 63), hidden=True)
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", qr_terminal(longest)).splitlines())) <= 80


def test_svg_is_read_as_drawn_by_others():
    uri = wifi_uri(Ssid(b"Lobby"), passphrase("password"))
    pdf = FPDF(unit="mm", format=(60, 60))
    pdf.add_page()
    pdf.set_fill_color(0)
    pdf.rect(0, 0, 60, 60, style="F")  # the SVG brings its own white
    pdf.image(io.BytesIO(qr_svg(uri)), x=5, y=5, w=50)
    page = pypdfium2.PdfDocument(bytes(pdf.output()))[0]
    assert read(page.render(scale=8).to_pil()).decode() == uri
