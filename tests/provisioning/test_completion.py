"""The Tab key: what click is told, and what bash makes of it."""

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ZshComplete

import latchkey

ROOT = Path(__file__).parents[2]


@pytest.fixture
def house(cli):
    cli.ok("venue", "add", "Hudson House")
    cli.ok("venue", "add", "Hudson Mews")
    cli.ok("pool", "add", "Residents", "--venue", "Hudson House")
    cli.ok("unit", "add", "Hudson House", "4B", "--building", "West")
    cli.ok("plan", "add", "Basic")
    cli.ok("nas", "add", "192.0.2.0/24", "--secret", "a sound secret", "--name", "house-aps", "--venue", "Hudson House")
    for identity in ("Ann Lee", "Ann Ray", "Bob Ray"):
        cli.ok("key", "add", "--identity", identity)
    cli.ok("key", "remove", "Ann Ray")
    cli.ok("card", "add", "--count", "2", "--days", "1")
    return cli


def complete(path, *words, **environment):
    """Return what the words on a line, the last one unfinished, can become."""
    line = ZshComplete(latchkey.cli, {}, "latchkey", "_LATCHKEY_COMPLETE")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"LATCHKEY_DB": str(path), **environment}.items():
            patch.setenv(name, value)
        return [item.value for item in line.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ve"], ["venue"]),
        (["venue", "s"], ["set", "show"]),
        (["venue", "show", ""], ["Hudson House", "Hudson Mews"]),
        (["venue", "show", "Hudson M"], ["Hudson Mews"]),
        (["unit", "add", "Hudson H"], ["Hudson House"]),
        (["unit", "list", "--venue", "Hudson M"], ["Hudson Mews"]),
        (["pool", "attach", ""], ["Residents"]),
        (["plan", "show", "B"], ["Basic"]),
        (["key", "add", "--pool", "R"], ["Residents"]),
        (["key", "add", "--unit", ""], ["4B", "West/4B"]),
        (["key", "add", "--plan", ""], ["Basic"]),
        (["key", "add", "--venue", "x"], []),
        (["key", "show", "Ann"], ["Ann Lee"]),
        (["key", "suspend", ""], ["Ann Lee", "Bob Ray"]),
        (["card", "show", ""], ["1"]),
        (["card", "extend", "2"], []),
        (["log", "--venue", "Hudson M"], ["Hudson Mews"]),
        (["log", "--who", "B"], ["Bob Ray"]),
        (["log", "--unit", "W"], ["West/4B"]),
        (["log", "--ssid", ""], ["Residents"]),
        (["log", "--nas", "h"], ["house-aps"]),
    ],
)
def test_names_are_completed_from_the_database(house, path, words, offered):
    assert complete(path, *words) == offered


def test_the_database_of_the_line_is_read(house, path, tmp_path):
    nowhere = tmp_path / "nowhere.db"
    assert complete(nowhere, "--db", str(path), "venue", "show", "Hudson M") == ["Hudson Mews"]
    assert complete(nowhere, "venue", "show", "--db", str(path), "Hudson M") == ["Hudson Mews"]


def test_what_is_wrong_is_silence(house, path):
    assert complete(path.with_name("nowhere.db"), "venue", "show", "") == []
    assert complete(path, "venue", "show", "", LATCHKEY_MASTER_KEY="no key") == []
    path.write_bytes(b"no database" * 100)
    assert complete(path, "key", "show", "") == []


def test_completion_changes_nothing_and_compiles_nothing(house, path):
    before = {each.name: each.read_bytes() for each in path.parent.iterdir() if each.suffix != ".db-shm"}
    code = "import sys, latchkey\ntry: latchkey.main()\nfinally: print('numba' in sys.modules)"
    asked = {"_LATCHKEY_COMPLETE": "bash_complete", "COMP_WORDS": "latchkey key show ", "COMP_CWORD": "3"}
    environment = {**os.environ, **asked, "LATCHKEY_DB": str(path)}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert result.stdout.splitlines() == ["plain,Ann Lee", "plain,Bob Ray", "False"]
    assert before == {name: (path.parent / name).read_bytes() for name in before}


@pytest.mark.peer("bash")
@pytest.mark.parametrize("typed", [b"Hudson\\ M", b'"Hudson M', b"'Hudson M"])
def test_bash_completes_a_name_with_a_blank_in_it(house, path, tmp_path, typed):
    """Types a command that lacks the end of a name, Tab and Enter into a bash of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "latchkey"
    command.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m latchkey "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "LATCHKEY_DB": str(path), "TERM": "dumb"}
    ours, theirs = pty.openpty()
    bash = ["bash", "--norc", "--noprofile", "-i"]
    with subprocess.Popen(
        bash, stdin=theirs, stdout=theirs, stderr=theirs, env={**environment, "PS1": "READY> "}, start_new_session=True
    ) as process:
        os.close(theirs)
        screen = b""

        def wait_for(text):
            nonlocal screen
            while text not in screen:
                assert select.select([ours], [], [], 60)[0], screen
                screen += os.read(ours, 4096)
            screen = b""

        os.write(ours, b'eval "$(latchkey completion bash)"; echo LOAD\\ED\n')
        wait_for(b"LOADED")
        os.write(ours, b"latchkey venue show " + typed + b"\t")
        wait_for(b"Mews")
        os.write(ours, b"\n")
        wait_for(b"name                       Hudson Mews")
        os.write(ours, b"exit\n")
        process.wait(30)
    os.close(ours)
