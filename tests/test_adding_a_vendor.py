"""docs/adding-a-vendor.md, followed to the letter in a copy of the tree."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding-a-vendor.md").read_text("utf-8")
FILES = re.findall(r"^`([^`\n]+)`:\n\n```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.search(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1].splitlines()


def patched(text, diff):
    """Return a text with the hunks of a unified diff applied, each at the one place that it fits."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE)[1:]:
        lines = hunk.splitlines(keepends=True)
        before, after = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Copy what is tracked or new, and do to it what the page says."""
    copy = tmp_path_factory.mktemp("copy") / "latchkey"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "corpus", "build")
    shutil.copytree(ROOT, copy, ignore=ignored)
    for name, language, text in FILES:
        if language == "diff":
            (copy / name).write_text(patched((copy / name).read_text("utf-8"), text), "utf-8")
        else:
            assert not (copy / name).exists()
            (copy / name).write_text(text, "utf-8")
    return copy


def test_the_page_names_each_kind_of_file_once():
    assert [(Path(name).suffix, language) for name, language, _ in FILES] == [
        (".acme", "text"),
        (".py", "python"),
        (".py", "diff"),
        (".toml", "toml"),
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_works(tree, command):
    program, *arguments = shlex.split(command)
    if program == "make":
        recipe = subprocess.run(
            ["make", "--no-print-directory", "-n", "-o", ".venv/installed-dev", *arguments],
            cwd=tree,
            env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")},
            capture_output=True,
            text=True,
            check=True,
        )
        program, *arguments = shlex.split(recipe.stdout)
    # The interpreter that runs this test, and the copy rather than what is installed in it.
    start = ["latchkey.py"] if program == "latchkey" else ["-m", "pytest"]
    command = [sys.executable, *start, *arguments]
    result = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    if program == "latchkey":
        assert "0001869f" in result.stdout
    else:
        assert Path(program).name == "pytest"
        assert " passed" in result.stdout


def test_the_vendor_s_module_is_sound(tree):
    for check in (["ruff", "check", "-q"], ["ruff", "format", "--check", "-q"]):
        subprocess.run([sys.executable, "-m", *check, "radiusd/vendors"], cwd=tree, check=True)
