"""A page of docs/ that says how to add something, followed in a copy of the tree."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Page:
    """What a page has one write, and run."""

    files: list[tuple[str, str, str]]  # name, language, text
    commands: list[str]

    @classmethod
    def read(cls, name: str) -> "Page":
        text = (ROOT / "docs" / name).read_text("utf-8")
        files = re.findall(r"^`([^`\n]+)`:\n\n```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        return cls(files, re.search(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1].splitlines())

    def follow(self, copy: Path) -> Path:
        """Copy what is tracked or new, and do to it what the page says."""
        ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "corpus", "build")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for name, language, text in self.files:
            path = copy / name
            if language == "diff":
                path.write_text(patched(path.read_text("utf-8"), text), "utf-8")
            else:
                assert not path.exists()
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, "utf-8")
        return copy


def patched(text, diff):
    """Return a text with the hunks of a unified diff applied, each at the one place that it fits."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE)[1:]:
        lines = hunk.splitlines(keepends=True)
        before, after = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def run_command(tree, command):
    """Run a command of a page in the copy, and return what it printed; make's recipes as make has them."""
    program, *arguments = shlex.split(command)
    if program == "make":
        program, *arguments = shlex.split(_recipe(tree, arguments))
    # The interpreter that runs this test, and the copy rather than what is installed in it.
    start = ["latchkey.py"] if program == "latchkey" else ["-m", "pytest"]
    result = subprocess.run([sys.executable, *start, *arguments], cwd=tree, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    if program != "latchkey":
        assert Path(program).name == "pytest"
        assert " passed" in result.stdout
    return result.stdout


def _recipe(tree, arguments):
    return subprocess.run(
        ["make", "--no-print-directory", "-n", "-o", ".venv/installed-dev", *arguments],
        cwd=tree,
        env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def check_style(tree, *folders):
    """Have what was added judged as all code here is."""
    for check in (["ruff", "check", "-q"], ["ruff", "format", "--check", "-q"]):
        subprocess.run([sys.executable, "-m", *check, *folders], cwd=tree, check=True)
