"""Cells that a spreadsheet would calculate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.formulas import defuse, is_formula, restore


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_what_would_be_calculated_is_written_as_text(start):
    assert is_formula(f"{start}1+1")
    assert defuse(f"{start}1+1") == f"'{start}1+1"
    assert restore(f"'{start}1+1") == f"{start}1+1"


@pytest.mark.parametrize("text", ["", "Ann", "4-B", "a=b", " =1", "O'Hara", "'quoted'"])
def test_anything_else_is_left(text):
    assert defuse(text) == restore(text) == text


@given(st.text(st.sampled_from("'=+-@\t\rab "), max_size=8))
def test_reading_undoes_writing_and_nothing_written_is_calculated(text):
    assert restore(defuse(text)) == text
    assert not is_formula(defuse(text))
