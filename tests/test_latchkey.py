"""The root command, as a process."""

import importlib.metadata
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

import latchkey
from provisioning.commands import command_group

ROOT = Path(__file__).parents[1]
HEAVY = {
    "numpy",
    "numba",
    "rich",
    "sqlite_utils",
    "cryptography",
    "provisioning",
    "radiusd",
    "crypto",
    "pcaps",
    "scapy",
}


def run(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "latchkey.py"), *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_imports_nothing_heavy():
    script = "import sys, latchkey\ntry: latchkey.cli(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    help_, _, modules = result.stdout.rstrip().rpartition("\n")
    assert not HEAVY & {name.partition(".")[0] for name in modules.split()}
    for name, (_, _, text) in latchkey.COMMANDS.items():
        assert f"  {name} " in help_
        assert text.split()[0] in help_


@pytest.mark.parametrize("name", latchkey.COMMANDS)
def test_every_command_is_where_the_table_says(name):
    command = latchkey.cli.get_command(click.Context(latchkey.cli), name)
    assert isinstance(command, click.Command)


def test_a_broken_installation_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(latchkey.COMMANDS, "serve", ("radiusd.nowhere", "serve", "Answer."))
    with pytest.raises(ModuleNotFoundError, match=r"radiusd\.nowhere"):
        latchkey.cli.get_command(click.Context(latchkey.cli), "serve")
    assert latchkey.cli.get_command(click.Context(latchkey.cli), "nope") is None


def groups(command, name):
    if isinstance(command, click.Group):
        yield name, command
        for each in command.list_commands(click.Context(command)):
            yield from groups(command.get_command(click.Context(command), each), f"{name} {each}")


@pytest.mark.parametrize("width", [40, 80])
def test_no_help_is_cut_short(width):
    found = list(groups(latchkey.cli, "latchkey"))
    assert len(found) > 6
    for name, command in found:
        text = command.get_help(click.Context(command, info_name=name, terminal_width=width))
        assert "..." not in text.replace("[ARGS]...", ""), name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ky"], "No such command 'ky'. Did you mean 'key'?"),
        (["nas", "delete"], "No such command 'delete'. Did you mean 'remove'?"),
        (["venue", "lst"], "No such command 'lst'. Did you mean 'list' or 'set'?"),
        (["unit", "qqqqqq"], "No such command 'qqqqqq'. There is "),
        (["packet", "wpa3"], "No such command 'wpa3'. Did you mean 'wpa2'?"),
    ],
)
def test_a_mistyped_command_is_told_which_is_meant(tmp_path, arguments, said):
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert said in result.stderr


def test_every_synonym_leads_to_a_command_of_some_group():
    names = {each for _, group in groups(latchkey.cli, "") for each in group.list_commands(click.Context(group))}
    known = [meant for meant in command_group._SYNONYMS.values() if meant in names]
    assert {"add", "list", "remove", "show", "suspend", "resume"} <= set(known)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_what_a_shell_is_to_run(tmp_path, shell):
    result = run("completion", shell, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"_LATCHKEY_COMPLETE={shell}_complete" in result.stdout
    assert "completion" in run("--help", cwd=tmp_path).stdout


def test_first_steps_in_an_empty_folder(tmp_path):
    environment = {"LATCHKEY_DB": str(tmp_path / "elsewhere.db")}
    result = run("venue", "list", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (
        1,
        "",
        f"latchkey: no database at {tmp_path}/latchkey.db: run `latchkey init`,"
        " or name yours with --db or LATCHKEY_DB\n",
    )
    assert run("init", cwd=tmp_path).returncode == 0
    assert run("init", cwd=tmp_path, **environment).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "elsewhere.db",
        "elsewhere.key",
        "latchkey.db",
        "latchkey.key",
    ]
    result = run("pool", "add", "Café", cwd=tmp_path, **environment)
    assert (result.returncode, result.stdout, result.stderr) == (0, "1\n", "")


@pytest.mark.parametrize("arguments", [["nope"], ["key", "nope"], ["key", "add", "--nope"], ["venue", "add"]])
def test_usage_is_status_2(tmp_path, arguments):
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("Usage: latchkey ")


def test_a_closed_pipe_is_no_traceback(tmp_path):
    run("init", cwd=tmp_path)
    run("pool", "add", "xy", cwd=tmp_path)
    lines = "".join(f"resident {number},passphrase {number}\n" for number in range(3))
    (tmp_path / "people.csv").write_text(lines)
    run("key", "import", "people.csv", cwd=tmp_path)
    for arguments, status in (
        (["key", "list"], 141),
        (["key", "export", "--show-secrets"], 141),
        (["--help"], 1),  # click's own answer
    ):
        reader, writer = os.pipe()
        os.close(reader)
        command = [sys.executable, str(ROOT / "latchkey.py"), *arguments]
        result = subprocess.run(command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, check=False)
        os.close(writer)
        assert (result.returncode, result.stderr) == (status, b""), arguments


def test_an_interrupt_is_status_130(tmp_path):
    run("init", cwd=tmp_path)
    run("pool", "add", "xy", cwd=tmp_path)
    command = [sys.executable, str(ROOT / "latchkey.py"), "key", "import", "fifo"]
    os.mkfifo(tmp_path / "fifo")
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    with (tmp_path / "fifo").open("wb"):  # opens when the command waits for its first line
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in errors


def test_errors_of_the_system_are_one_line(monkeypatch, capsys):
    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device", "latchkey.db-wal")

    monkeypatch.setattr(latchkey.cli, "main", fail)
    assert latchkey.main() == 1
    assert capsys.readouterr().err == "latchkey: No space left on device latchkey.db-wal\n"


def test_the_version_is_that_of_the_installation(tmp_path):
    result = run("--version", cwd=tmp_path)
    assert result.stdout == f"latchkey {importlib.metadata.version('latchkey-radius')}\n"
    assert (result.returncode, result.stderr) == (0, "")
