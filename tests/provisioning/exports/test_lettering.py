"""Where lines break."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.exports.lettering import SPACE, fit, fit_secret, shorten


def measure(size, text):
    """A face of one width: a millimetre for each character and point."""
    return size * len(text)


SIZES = ((4, 1), (2, 2), (1, 4))


@pytest.mark.parametrize(
    ("text", "width", "size", "lines"),
    [
        ("1234567890", 40, 4, ["1234567890"]),
        ("salamander-envelope-quarter", 40, 2, ["salamander-envelope", "-quarter"]),
        (f"battery{SPACE}horse{SPACE}staple", 30, 2, [f"battery{SPACE}horse{SPACE}", "staple"]),
        ("x" * 30, 40, 2, ["x" * 15, "x" * 15]),
        ("y" * 41, 20, 1, ["y" * 14, "y" * 14, "y" * 13]),
        ("aaaaaaa-aaaaaaa-", 8, 1, ["aaaaaaa-", "aaaaaaa-"]),
    ],
)
def test_passphrase_breaks_between_words_or_into_even_pieces(text, width, size, lines):
    assert fit_secret(text, width, measure, SIZES) == (size, lines)


@given(st.text("ab-" + SPACE, min_size=1, max_size=64), st.integers(1, 90))
def test_passphrase_is_whole_and_in_its_room(text, width):
    size, lines = fit_secret(text, width, measure, SIZES)
    assert "".join(lines) == text
    assert all(lines)
    assert max(map(len, lines)) <= max(1, width // size)
    fewest = -(-len(text) // max(1, width // size))
    assert len(lines) <= fewest


@given(st.text("ab ", min_size=1, max_size=64), st.integers(1, 90))
def test_name_is_whole_and_in_its_room(text, width):
    size, lines = fit(text, width, measure, SIZES)
    assert "".join(lines) == text
    assert all(measure(size, line.rstrip()) <= width or len(line.rstrip()) <= 1 for line in lines)


def test_name_breaks_between_words():
    assert fit("Hotel Post Guests", 24, measure, SIZES) == (2, ["Hotel Post ", "Guests"])


@given(st.text(max_size=80), st.integers(1, 90))
def test_shortened_text_is_the_beginning(text, width):
    size, kept = shorten(text, width, measure, (2, 1))
    assert kept == text or (kept.endswith("…") and text.startswith(kept[:-1]))
    assert measure(size, kept) <= width
