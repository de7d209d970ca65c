"""docs/adding-a-vendor.md, followed to the letter in a copy of the tree."""

from pathlib import Path

import pytest

from tests.following import Page, check_style, run_command

PAGE = Page.read("adding-a-vendor.md")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return PAGE.follow(tmp_path_factory.mktemp("copy") / "latchkey")


def test_the_page_names_each_kind_of_file_once():
    assert [(Path(name).suffix, language) for name, language, _ in PAGE.files] == [
        (".acme", "text"),
        (".py", "python"),
        (".py", "diff"),
        (".toml", "toml"),
    ]


@pytest.mark.parametrize("command", PAGE.commands)
def test_each_command_of_the_page_works(tree, command):
    shown = run_command(tree, command)
    if command.startswith("latchkey"):
        assert "0001869f" in shown


def test_the_vendor_s_module_is_sound(tree):
    check_style(tree, "radiusd/vendors")
