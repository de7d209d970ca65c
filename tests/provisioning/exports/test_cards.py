"""Sheets of cards, as PDFium (Chrome's reader) lays them out and zxing-cpp reads their codes."""

import ctypes
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
import zxingcpp
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto import Ssid
from provisioning.errors import InvalidValue
from provisioning.exports import (
    Card,
    Paper,
    Sheet,
    how_to_join,
    render_sheet,
    render_validity,
    unprintable,
    wifi_uri,
)
from provisioning.model import Passphrase

CARD_MM = (85.60, 53.98)  # ISO/IEC 7810, ID-1
MADE = datetime(2026, 11, 21, 12, tzinfo=UTC)
ZURICH = ZoneInfo("Europe/Zurich")
GUESTS = Sheet(ssid=Ssid(b"Hotel Post Guests"), title="Hotel Post", zone=ZURICH)
PT_PER_MM = 72 / 25.4


def card(text="tidy-otter-42", **more):
    return Card(passphrase=Passphrase(text.encode("ascii")), **more)


def pages(cards, sheet=GUESTS, **more):
    return list(pypdfium2.PdfDocument(render_sheet(cards, sheet, made=MADE, **more)))


def bounds(thing, page):
    """Return left, top, right, bottom in mm from the upper left corner of the page."""
    left, bottom, right, top = (value / PT_PER_MM for value in thing.get_bounds())
    height = page.get_height() / PT_PER_MM
    return left, height - top, right, height - bottom


def of_kind(page, kind):
    return [thing for thing in page.get_objects() if thing.type == kind]


def marks(page):
    """Return where the cut marks outside the cards stand: the distinct x of the upright ones, y of the level ones."""
    xs, ys = Counter(), Counter()
    for line in of_kind(page, pdfium.FPDF_PAGEOBJ_PATH):
        left, top, right, bottom = bounds(line, page)
        if bottom - top > 3:
            xs[round((left + right) / 2, 2)] += 1
        if right - left > 3:
            ys[round((top + bottom) / 2, 2)] += 1
    assert set(xs.values()) == set(ys.values()) == {2}  # one at each end of a cut
    return sorted(xs), sorted(ys)


def cells(page):
    """Return left, top, right, bottom of each card by rows, in mm, between the cut marks."""
    xs, ys = marks(page)
    return [(x, y, x1, y1) for y, y1 in pairwise(ys) for x, x1 in pairwise(xs)]


def text_in(page, cell):
    left, top, right, bottom = (value * PT_PER_MM for value in cell)
    height = page.get_height()
    return page.get_textpage().get_text_bounded(left, height - bottom, right, height - top)


def codes(page):
    """Return the text of each QR code of the printed page, and the middle of it in mm."""
    found = zxingcpp.read_barcodes(
        np.asarray(page.render(scale=300 / 72).to_pil().convert("L")), formats=zxingcpp.BarcodeFormat.QRCode
    )
    for code in found:
        corners = (code.position.top_left, code.position.bottom_right)
        middle = (sum(corner.x for corner in corners) / 2, sum(corner.y for corner in corners) / 2)
        yield code.bytes.decode("utf-8"), tuple(value / 300 * 25.4 for value in middle)


def squeezed(text):
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize(
    ("paper", "size", "columns", "rows"), [(Paper.A4, (210, 297), 2, 5), (Paper.LETTER, (215.9, 279.4), 2, 4)]
)
def test_page_is_a_grid_of_credit_cards(paper, size, columns, rows):
    (page,) = pages([card()], paper=paper)
    assert page.get_size() == pytest.approx([mm * PT_PER_MM for mm in size], abs=0.05)
    xs, ys = marks(page)
    assert (len(xs), len(ys)) == (columns + 1, rows + 1)
    assert np.diff(xs) == pytest.approx([CARD_MM[0]] * columns, abs=0.02)
    assert np.diff(ys) == pytest.approx([CARD_MM[1]] * rows, abs=0.02)
    assert xs[0] == pytest.approx(size[0] - xs[-1], abs=0.02)
    assert ys[0] == pytest.approx(size[1] - ys[-1], abs=0.02)
    for line in of_kind(page, pdfium.FPDF_PAGEOBJ_PATH):
        left, top, right, bottom = bounds(line, page)
        assert left > 6
        assert top > 6  # what most printers can print
        assert right < size[0] - 6
        assert bottom < size[1] - 6


@pytest.mark.parametrize(
    ("paper", "count", "expected"),
    [(Paper.A4, 10, 1), (Paper.A4, 11, 2), (Paper.LETTER, 8, 1), (Paper.LETTER, 100, 13)],
)
def test_cards_go_on_over_the_pages(paper, count, expected):
    made = pages([card(f"password-{n}") for n in range(count)], paper=paper)
    assert len(made) == expected
    text = "".join(page.get_textpage().get_text_bounded() for page in made)
    assert re.findall(r"password-\d+", text) == [f"password-{n}" for n in range(count)]


def test_each_card_has_its_own_texts_and_its_own_code():
    cards = [card(f"otter-{n:03}", number=f"{n} of 23", note=f"Flat {n}") for n in range(23)]
    sheet = Sheet(ssid=Ssid.parse("Gäste; Post"), title="Hotel Post, Zürich", hidden=True)
    seen = []
    for page in pages(cards, sheet):
        found = dict.fromkeys(cells(page))
        for uri, (x, y) in codes(page):
            (cell,) = [each for each in found if each[0] < x < each[2] and each[1] < y < each[3]]
            assert found[cell] is None
            found[cell] = uri
        for cell, uri in found.items():
            if not (text := text_in(page, cell)):
                assert uri is None
                continue
            secret = re.search(r"otter-\d+", text)[0]
            n = int(secret[-3:])
            assert uri == rf"WIFI:T:WPA;S:Gäste\; Post;P:{secret};H:true;;"
            for expected in ("Hotel Post, Zürich", "Gäste; Post", f"{n} of 23", f"Flat {n}"):
                assert expected in text
            seen.append(n)
    assert seen == list(range(23))


def base_font(thing):
    name = ctypes.create_string_buffer(100)
    font = pdfium.FPDFTextObj_GetFont(thing.raw)
    pdfium.FPDFFont_GetBaseFontName(font, name, 100)
    return name.value.decode(), pdfium.FPDFFont_GetIsEmbedded(font)


def test_fonts_are_embedded_and_the_passphrase_is_in_one_that_tells_l_from_1():
    (page,) = pages([card("Il1O0o8B")])
    fonts = {base_font(thing) for thing in of_kind(page, pdfium.FPDF_PAGEOBJ_TEXT)}
    assert all(embedded == 1 for _, embedded in fonts)
    assert any(name.endswith("CascadiaMonoRegular") or "Cascadia" in name for name, _ in fonts)


SECRETS = (
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)
    | st.text("0123456789abcdef", min_size=64, max_size=64)
    | st.text("W- ", min_size=8, max_size=63)
)
NAMES = st.binary(min_size=1, max_size=32) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(
    lambda name: name.encode()[:32]
)
TEXTS = st.text(max_size=60)


@settings(deadline=None, max_examples=6)
@given(st.lists(st.tuples(SECRETS, TEXTS, TEXTS), min_size=10, max_size=10), NAMES, TEXTS, st.booleans())
@example([("W" * 63, "W" * 200, "W" * 200), ("- " * 31, "\ud800", "\u202e\u0301")], b"W" * 32, "W" * 200, True)
@example([("0a" * 32, "", ""), ("a-b-" * 15, "\n", "क्ष" * 20)], bytes(range(200, 232)), "", True)
@example([(" " * 63, "مرحبا" * 20, "x")], "ﷺ".encode() * 10, "👩‍👩‍👧‍👦" * 9, True)
@example([("W" * 63, "1", "2")], "क्ष".encode() * 3, "क्ष" * 20, False)
def test_whatever_is_on_a_card_stays_on_it(texts, ssid, title, code):
    sheet = Sheet(ssid=Ssid(ssid), title=title, code=code, zone=ZURICH)
    window = {
        "valid_from": datetime(2026, 12, 30, 1, tzinfo=UTC),
        "valid_until": datetime(2027, 12, 30, 22, tzinfo=UTC),
    }
    (page,) = pages([card(secret, number=number, note=note, **window) for secret, number, note in texts], sheet)
    images = [bounds(thing, page) for thing in of_kind(page, pdfium.FPDF_PAGEOBJ_IMAGE)]
    written = [bounds(thing, page) for thing in of_kind(page, pdfium.FPDF_PAGEOBJ_TEXT)]
    written = [box for box in written if box[2] - box[0] > 0.01]  # no lone spaces
    count = 0
    for left, top, right, bottom in cells(page)[: len(texts)]:
        here = [box for box in written if left < (box[0] + box[2]) / 2 < right and top < (box[1] + box[3]) / 2 < bottom]
        count += len(here)
        for x0, y0, x1, y1 in here:
            assert left + 2 < x0
            assert x1 < right - 2
            assert top + 1 < y0
            assert y1 < bottom - 1
            for a, b, c, d in images:  # with their quiet zones, of which text may touch the outer half
                assert x1 < a + 1 or x0 > c - 1 or y1 < b + 1 or y0 > d - 1
    assert count == len(written)
    for cell, (secret, _, _) in zip(cells(page), texts, strict=False):
        shown = squeezed(text_in(page, cell)).replace("\u2423", " ")
        assert unhyphened(secret) in unhyphened(shown)


def unhyphened(text):
    """PDFium takes a hyphen at the end of a line for one that is not in the text."""
    return re.sub(r"[-\u2010\x02\ufffe]", "", text)


@pytest.mark.parametrize("secret", ["0a1B" * 16, ";" * 63, "a" * 8])
@pytest.mark.parametrize("ssid", [b";" * 32, b"a"])
def test_longest_and_shortest_codes_are_read_from_the_printed_card(ssid, secret):
    (page,) = pages([card(secret)] * 10, Sheet(ssid=Ssid(ssid), hidden=True))
    uri = wifi_uri(Ssid(ssid), Passphrase(secret.encode()), hidden=True)
    assert [found for found, _ in codes(page)] == [uri] * 10


@pytest.mark.parametrize("secret", ["0a1B" * 16, "W" * 63, "tidy-otter-42"])
def test_passphrase_is_never_smaller_than_8_points(secret):
    (page,) = pages([card(secret)])
    sizes = []
    for thing in of_kind(page, pdfium.FPDF_PAGEOBJ_TEXT):
        if "Cascadia" in base_font(thing)[0]:
            size = ctypes.c_float()
            pdfium.FPDFTextObj_GetFontSize(thing.raw, size)
            sizes.append(size.value)
    assert sizes
    assert min(sizes) >= 8


def test_card_to_be_scratched_has_no_code():
    (page,) = pages([card()], Sheet(ssid=Ssid(b"Guests"), code=False))
    assert not of_kind(page, pdfium.FPDF_PAGEOBJ_IMAGE)
    assert "tidy-otter-42" in page.get_textpage().get_text_bounded()


def test_ssid_that_is_not_utf8_is_named_and_has_no_code():
    (page,) = pages([card()], Sheet(ssid=Ssid(b"caf\xe9")))
    text = page.get_textpage().get_text_bounded()
    assert "caf\\xe9" in text
    assert "No code: the network's" in text
    assert not of_kind(page, pdfium.FPDF_PAGEOBJ_IMAGE)


def test_spaces_are_shown_and_explained():
    (page,) = pages([card("two  words")])
    text = page.get_textpage().get_text_bounded()
    assert "two\u2423\u2423words" in text
    assert "\u2423 is a space" in text


@pytest.mark.parametrize("name", ["Привет", "Καλημέρα", "Zürich", "Đồng", "ქართული"])
def test_scripts_that_the_fonts_have_are_printed(name):
    assert unprintable([name]) == ""
    (page,) = pages([card()], Sheet(ssid=Ssid.parse("x"), title=name))
    assert name in page.get_textpage().get_text_bounded()


@pytest.mark.parametrize("name", ["مقهى", "שלום", "नमस्ते", "สวัสดี"])
def test_scripts_that_join_are_shaped(name):
    assert unprintable([name]) == ""
    (page,) = pages([card()], Sheet(ssid=Ssid.parse(name)))
    assert "\u25af" not in page.get_textpage().get_text_bounded()
    assert [uri for uri, _ in codes(page)] == [f"WIFI:T:WPA;S:{name};P:tidy-otter-42;;"]


def test_characters_that_no_font_has_are_boxes_that_say_so():
    assert unprintable(["東京 Lobby 🛎️", "京"]) == "東京🛎"
    (page,) = pages([card(note="京 x")], Sheet(ssid=Ssid.parse("東京 Lobby 🛎️")))
    text = page.get_textpage().get_text_bounded()
    assert "\u25af\u25af Lobby \u25af" in text
    assert "\u25af cannot be printed" in text
    assert [uri for uri, _ in codes(page)] == ["WIFI:T:WPA;S:東京 Lobby 🛎️;P:tidy-otter-42;;"]


@pytest.fixture(params=[True, False], ids=["truetype", "opentype"])
def tokyo_font(tmp_path, request):
    """A font that has U+6771 and U+4EAC alone: a square each."""
    glyphs = [".notdef", "east", "capital"]
    pen = TTGlyphPen(None) if request.param else T2CharStringPen(800, None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (700, 700), (700, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=request.param)
    builder.setupGlyphOrder(glyphs)
    builder.setupCharacterMap({0x6771: "east", 0x4EAC: "capital"})
    if request.param:
        builder.setupGlyf(dict.fromkeys(glyphs, pen.glyph()))
    else:
        builder.setupCFF("Tokyo", {}, dict.fromkeys(glyphs, pen.getCharString()), {})
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Tokyo", "styleName": "Regular", "psName": "Tokyo"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / f"tokyo.{'ttf' if request.param else 'otf'}"
    builder.save(path)
    return path


def test_operators_font_writes_what_ours_lack(tokyo_font):
    assert unprintable(["東京 🛎"], [tokyo_font]) == "🛎"
    (page,) = pages([card()], Sheet(ssid=Ssid.parse("東京 Lobby")), fonts=[tokyo_font])
    assert "東京 Lobby" in page.get_textpage().get_text_bounded()
    (tokyo,) = [thing for thing in of_kind(page, pdfium.FPDF_PAGEOBJ_TEXT) if "Tokyo" in base_font(thing)[0]]
    left, top, right, bottom = (round(mm * 10) for mm in bounds(tokyo, page))
    drawn = np.asarray(page.render(scale=10 / PT_PER_MM).to_pil().convert("L"))[top:bottom, left:right]
    assert (drawn < 128).mean() > 0.8  # two squares, and what is between them


@pytest.mark.parametrize("content", [b"", b"not a font", b"\x00\x01\x00\x00" + b"\xff" * 100, None])
def test_file_that_is_no_font_is_refused_and_named(tmp_path, content):
    path = tmp_path / "broken.ttf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidValue, match=r"broken\.ttf"):
        render_sheet([card()], GUESTS, made=MADE, fonts=[path])


def test_cut_off_font_is_refused(tokyo_font):
    tokyo_font.write_bytes(tokyo_font.read_bytes()[:400])
    with pytest.raises(InvalidValue, match=r"tokyo\.[ot]tf"):
        render_sheet([card()], Sheet(ssid=Ssid.parse("東京")), made=MADE, fonts=[tokyo_font])


def test_backs_lie_behind_their_cards_when_the_sheet_is_turned():
    front, back = pages([card()] * 3, Sheet(ssid=Ssid(b"Guests"), title="Hotel Post", back=how_to_join()))
    assert "yours alone" in back.get_textpage().get_text_bounded()
    left, middle, right = marks(front)[0]
    behind = [text_in(back, cell) for cell in cells(front)]
    assert [bool(text) for text in behind] == [True, True, False, True] + [False] * 6
    assert middle - left == pytest.approx(right - middle)
    assert "Point the camera" in behind[3]
    assert "Point the camera" not in how_to_join(code=False)


def test_print_dialog_is_asked_for_the_true_size_and_the_right_side():
    document = pypdfium2.PdfDocument(render_sheet([card()], GUESTS, made=MADE))
    assert not pdfium.FPDF_VIEWERREF_GetPrintScaling(document)
    assert pdfium.FPDF_VIEWERREF_GetDuplex(document) == pdfium.Simplex
    document = pypdfium2.PdfDocument(render_sheet([card()], Sheet(ssid=Ssid(b"x"), back="x"), made=MADE))
    assert pdfium.FPDF_VIEWERREF_GetDuplex(document) == pdfium.DuplexFlipLongEdge


def test_text_for_the_back_that_has_no_room_is_refused():
    with pytest.raises(InvalidValue, match="the back takes 50 lines, and a card has room for 16"):
        render_sheet([card()], Sheet(ssid=Ssid(b"Guests"), back="x\n" * 50), made=MADE)


def test_no_cards_are_refused():
    with pytest.raises(InvalidValue, match="no cards"):
        render_sheet([], GUESTS, made=MADE)


def test_same_cards_make_the_same_octets():
    cards = [card("مر".encode().hex() + "abcd", number="1", note="مرحبا")]
    first = render_sheet(cards, GUESTS, made=MADE)
    assert render_sheet(cards, GUESTS, made=MADE) == first
    assert b"20261121120000" in first
    assert render_sheet(cards, GUESTS, made=datetime(2027, 1, 1, tzinfo=UTC)) != first


@pytest.mark.parametrize(
    ("starts", "ends", "text"),
    [
        (None, None, ""),
        ("2026-06-30T22:00:00", None, "Valid from 1 Jul 2026"),
        (None, "2026-11-24T22:59:59", "Valid until 24 Nov 2026"),
        ("2026-11-20T23:00:00", "2026-11-24T22:59:59", "Valid 21 Nov 2026 to 24 Nov 2026"),
        ("2026-11-20T23:00:00", "2026-11-21T22:59:59", "Valid 21 Nov 2026"),
        ("2026-11-21T08:30:00", "2026-11-24T23:00:00", "Valid 21 Nov 2026 09:30 to 25 Nov 2026 00:00"),
        ("2026-03-28T23:00:00", "2026-03-29T21:59:59", "Valid 29 Mar 2026"),  # a day of 23 hours
        ("2026-10-24T22:00:00", "2026-10-25T22:59:59", "Valid 25 Oct 2026"),  # of 25
        (None, "9999-12-31T22:59:59", "Valid until 31 Dec 9999"),
        (None, "9999-12-31T23:59:59", "Valid until 31 Dec 9999 23:59"),  # no year 10000: UTC
    ],
)
def test_window_is_shown_in_the_venues_zone(starts, ends, text):
    starts, ends = (at and datetime.fromisoformat(at).replace(tzinfo=UTC) for at in (starts, ends))
    shown = card(valid_from=starts, valid_until=ends)
    assert render_validity(shown, ZURICH) == text
    (page,) = pages([shown])
    assert text in page.get_textpage().get_text_bounded()


def test_day_that_begins_at_one_is_a_whole_day():
    beirut = ZoneInfo("Asia/Beirut")  # clocks go forward at midnight
    begins = datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert begins.astimezone(beirut).hour == 1
    assert render_validity(card(valid_from=begins), beirut) == "Valid from 29 Mar 2026"


def test_importing_the_package_draws_nothing_in():
    heavy = {"segno", "fpdf", "PIL", "fontTools", "uharfbuzz", "pymupdf_fonts"}
    code = f"import sys, provisioning.exports; print(sorted({heavy} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
