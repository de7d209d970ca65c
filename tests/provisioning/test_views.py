"""Tables."""

import click

from provisioning.commands.views import render_table

KEYS = [
    {"id": 1, "identity": "Ann", "state": "valid"},
    {"id": 2, "identity": "青木", "state": "suspended: late"},
    {"id": 3, "identity": "Bob Ray", "state": "expired 2026-01-01"},
    {"id": 4, "identity": "-", "state": None},
]


def test_columns_are_as_wide_as_a_terminal_shows_their_letters():
    assert list(render_table(KEYS, ("id", "identity", "state"))) == [
        "ID  IDENTITY  STATE",
        "1   Ann       valid",
        "2   青木      suspended: late",
        "3   Bob Ray   expired 2026-01-01",
        "4   -         -",
    ]


def test_a_state_has_its_colour_and_no_other_cell_has():
    plain = list(render_table(KEYS, ("state", "identity")))
    coloured = list(render_table(KEYS, ("state", "identity"), colours=True))
    assert [click.unstyle(line) for line in coloured] == plain
    assert coloured[0] == plain[0]
    assert coloured[1] == f"{click.style('valid', fg='green')}               Ann"
    assert coloured[2].startswith(click.style("suspended: late", fg="yellow"))
    assert coloured[3].startswith(click.style("expired 2026-01-01", fg="red"))
    assert list(render_table([], ("id",), colours=True)) == []
