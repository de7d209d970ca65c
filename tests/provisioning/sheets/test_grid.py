"""The cells of separated values."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.errors import FileRefused
from provisioning.sheets.encoding import TextLines
from provisioning.sheets.grid import Broken, Grid


def rows(text, separator=None):
    grid = Grid(TextLines(io.BytesIO(text.encode())))
    grid.first_row()
    grid.separator = separator or grid.separator or grid.guess_separator()
    return [(line, cells.reason if isinstance(cells, Broken) else cells) for line, cells in grid]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\nc,d", [(1, ["a", "b"]), (2, ["c", "d"])]),
        ("a;b\r\nc;d\r\n", [(1, ["a", "b"]), (2, ["c", "d"])]),
        ("a\tb\rc\td\r", [(1, ["a", "b"]), (2, ["c", "d"])]),
        ("sep=;\r\na;b,c\r\n", [(2, ["a", "b,c"])]),
        ('"sep=;"\na;b,c\n', [(2, ["a", "b,c"])]),
        ("\n\n,,,\n a,b\n , \n;;\n\nc,d\n", [(4, [" a", "b"]), (8, ["c", "d"])]),
        ('"Lee, ""Ann""\r\nFlat 4","x\ny"\r\nc,d\r\n', [(1, ['Lee, "Ann"\r\nFlat 4', "x\ny"]), (4, ["c", "d"])]),
        ('a,5" screens\nb,c\n', [(1, ["a", '5" screens']), (2, ["b", "c"])]),
        ("", []),
        ("\r\n\r\n", []),
    ],
)
def test_rows_are_known_by_their_first_line(text, expected):
    assert rows(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a,"b\nc,d\ne,f\n', [(1, "a quote is left open"), (2, ["c", "d"]), (3, ["e", "f"])]),
        ('a,"b\nc,d\ne,"f"\n', [(1, "a quote is left open"), (2, ["c", "d"]), (3, ["e", "f"])]),
        ('a,"b"x\nc,d\n', [(1, "broken quote"), (2, ["c", "d"])]),
        (
            'a,"b"x\n"Lee\nhalf,\nKim",m\ne,f\n',
            [(1, "broken quote"), (2, ["Lee\nhalf,\nKim", "m"]), (5, ["e", "f"])],
        ),
        (
            'a,"b\nc"x,d\ne,f\n',
            [(1, "a quote is left open"), (2, "belongs to the quote left open in line 1, it seems"), (3, ["e", "f"])],
        ),
    ],
)
def test_a_quote_left_open_spoils_no_row_but_its_own(text, expected):
    assert rows(text) == expected


def test_a_quote_left_open_early_in_a_long_file_costs_one_row():
    text = "".join(f"r{number},x\n" for number in range(5000))
    found = rows(f'a,"b\n{text}')
    assert found[0] == (1, "a quote is left open")
    assert [line for line, _ in found] == list(range(1, 5002))
    assert all(isinstance(cells, list) for _, cells in found[1:])


def test_a_file_of_empty_lines_is_no_work():
    assert rows("\n" * 200_000) == []
    assert rows("\r\n" * 200_000 + "a,b\r\n") == [(200_001, ["a", "b"])]


def test_too_many_columns_are_one_refusal():
    assert rows("a,b\n" + "x," * 300 + "\n") == [(1, ["a", "b"]), (2, "301 columns, more than 256")]


@pytest.mark.parametrize("row", ["Lee, Ann;sunny-Otter-41", "Ann;sunny-Otter,maple-Falcon", "Lee, Ann;sunny;12"])
def test_commas_or_semicolons_are_not_guessed(row):
    with pytest.raises(FileRefused, match=r"^line 1: separated by commas or by semicolons\?"):
        rows(row)


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=12)


@given(
    st.lists(st.lists(CELL, min_size=2, max_size=5), max_size=8),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_spreadsheet_writes_is_read_again(table, separator, end):
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(table)
    kept = [row for row in table if any(cell.strip(" \t\r\n,;\xa0") for cell in row)]
    if all(any(cell.strip(' \t\r\n,;\xa0"') for cell in row) for row in kept[:1]):
        assert [cells for _, cells in rows(buffer.getvalue(), separator)] == kept


@given(st.text(st.sampled_from('a,;"\n\r\t '), max_size=60))
def test_every_line_is_of_one_row_at_most(text):
    lines = [line for line, _ in rows(text, ",")]
    assert lines == sorted(set(lines))
    assert all(1 <= line <= len(text) + 1 for line in lines)
