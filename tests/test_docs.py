"""Every command in README.md and docs/ works, in the order in which a reader meets it.

The blocks marked `sh` of one document are one session in a folder of its own, at a terminal, whose questions for
secrets are answered. Ports and the server's address are exchanged for ones of this machine, the system's folders for
others; what would change it (useradd, systemctl, a venv and what pip would fetch) is recorded, not done.
"""

import contextlib
import os
import re
import selectors
import shlex
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("/opt/latchkey", "/var/lib/latchkey", "/etc/systemd/system")

# What a reader has in the folder before a document begins.
BUILDING = """
latchkey init >/dev/null
latchkey venue add "Hudson House" --nas-identifier hudson-house-ap1 >/dev/null
latchkey pool add "Hudson House" --venue "Hudson House" >/dev/null
latchkey unit add "Hudson House" 12B >/dev/null
latchkey nas add 127.0.0.1 --secret testing123 --name house-aps --venue "Hudson House" >/dev/null 2>&1
printf 'a phrase to try\\n' > psk.txt; printf 'testing123\\n' > s.txt; cp psk.txt list.txt
latchkey key add --pool "Hudson House" --identity "Ann Lee" --unit 12B --passphrase-file psk.txt >/dev/null
"""
CAPTURE = 'latchkey packet wpa2 --ssid "Hudson House" --psk-file psk.txt --pcap walk.pcapng 2>/dev/null\n'
SERVER = "latchkey serve >/dev/null 2>&1\n"
SEND = "latchkey send walk.pcapng --server 127.0.0.1:1812 --secret-file s.txt --dialect hostapd >/dev/null\n"
SOURCES = 'cp -r "$LATCHKEY_ROOT"/contrib "$LATCHKEY_ROOT"/latchkey.example.toml "$LATCHKEY_ROOT"/pyproject.toml .\n'
GIVEN = {
    "README.md": SOURCES,
    "operating.md": BUILDING + SERVER + CAPTURE + SEND + SOURCES,
    "sync.md": SOURCES,
    "captures.md": BUILDING + SERVER + CAPTURE,
}

LATCHKEY = """#!/bin/bash
# The command itself; a server is started and waited for, and what follows the log is ended after a moment.
case "$1" in
serve)
    [[ " $* " == *" --check "* ]] && exec {python} {root}/latchkey.py "$@"
    {python} {root}/latchkey.py "$@" {listen} 2>> server.log & echo $! >> "$HOME/servers"
    for _ in $(seq 600); do grep -q ' ready ' server.log && exit 0; kill -0 $! || break; sleep 0.1; done
    cat server.log; exit 1 ;;
demo)
    {python} {root}/latchkey.py "$@" > platform.log 2>&1 & echo $! >> "$HOME/servers"
    for _ in $(seq 600); do grep -q ' answers at ' platform.log && exit 0; kill -0 $! || break; sleep 0.1; done
    cat platform.log; exit 1 ;;
log)
    [[ " $* " == *" -f "* || " $* " == *" --follow "* ]] || exec {python} {root}/latchkey.py "$@"
    timeout --preserve-status -s INT 3 {python} {root}/latchkey.py "$@"; [ $? = 130 ] ;;
*) exec {python} {root}/latchkey.py "$@" ;;
esac
"""
RECORDED = '#!/bin/sh\necho "$(basename $0) $*" >> "$HOME/recorded"\n'
VENV = """#!/bin/bash
# A venv is a folder with what the session has anyway.
if [ "$1 $2" = "-m venv" ]; then
    mkdir -p "$3/bin" && touch "$3/bin/activate" && ln -sf "$(command -v latchkey)" "$(command -v pip)" "$3/bin/"
else exec {python} "$@"; fi
"""
INSTALL = '#!/bin/bash\n[ "$1 $2 $4 $6" = "-d -o -g -m" ] || exit 2\nmkdir -p "$8"\n'
RUNUSER = '#!/bin/bash\n[ "$1 $3" = "-u --" ] || exit 2\nshift 3; exec "$@"\n'


def blocks(path):
    return "\n".join(BLOCK.findall(path.read_text("utf-8")))


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def write_programs(folder, listen):
    folder.mkdir()
    words = {"python": shlex.quote(sys.executable), "root": shlex.quote(str(ROOT)), "listen": listen}
    programs = {"latchkey": LATCHKEY.format(**words), "python3": VENV.format(**words)}
    programs |= {"install": INSTALL, "runuser": RUNUSER}
    programs |= dict.fromkeys(("useradd", "systemctl", "pip", "sysctl"), RECORDED)
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)


def run_at_a_terminal(script, folder, environment):
    """Return the exit status and what was shown; questions that end without a line are answered."""
    command = f"bash -e -o pipefail {shlex.quote(str(script))}"
    process = subprocess.Popen(
        ["script", "--quiet", "--return", "--flush", "--command", command, "/dev/null"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    shown, answered = bytearray(), 0
    with process, contextlib.closing(process.stdin), selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(300):
            octets = process.stdout.read1(65_536)
            if not octets:
                break
            shown += octets
            if re.search(rb"(?i)(secret|passphrase)[^\r\n]*: ?$", shown[answered:]):
                process.stdin.write(b"a secret of many letters\n")
                process.stdin.flush()
                answered = len(shown)
        else:
            process.kill()
    return process.returncode, shown.decode("utf-8", "replace")


@pytest.fixture
def session(tmp_path):
    """Return a function that runs a document's commands."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "here").mkdir()
    ports = {port: str(free_port()) for port in ("1812", "1813", "8600", "9812")}

    def run(name, text):
        script = GIVEN.get(name, "") + "set -v\n" + text
        for port, free in ports.items():
            script = re.sub(rf"\b{port}\b", free, script)
        script = script.replace("192.0.2.10:", "127.0.0.1:")
        for path in ELSEWHERE:
            script = script.replace(path, f"{tmp_path}{path}")
            Path(f"{tmp_path}{path}").parent.mkdir(parents=True, exist_ok=True)
        Path(f"{tmp_path}/etc/systemd/system").mkdir(parents=True, exist_ok=True)
        (tmp_path / "script").write_text(script)
        listen = "" if "--listen" in text else f"--listen 127.0.0.1:{ports['1812']}"
        write_programs(tmp_path / "bin", listen)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LATCHKEY_")},
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "HOME": str(home),
            "LATCHKEY_ROOT": str(ROOT),
            "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", ""),
            "TERM": "dumb",
        }
        return run_at_a_terminal(tmp_path / "script", tmp_path / "here", environment)

    yield run
    with contextlib.suppress(FileNotFoundError):
        for number in (home / "servers").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGTERM)


FOLLOWED_ELSEWHERE = {"adding-a-vendor.md", "adding-a-platform.md"}  # tests/test_adding_a_*.py follow them
WITH_COMMANDS = [path for path in DOCUMENTS if blocks(path) and path.name not in FOLLOWED_ELSEWHERE]


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: path.name)
def test_every_command_works(path, session):
    status, shown = session(path.name, blocks(path))
    assert status == 0, shown


def links(path):
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not target.startswith("http")]


def anchors(path):
    heads = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    for link in links(path):
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link


def test_readme_stays_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 120


def test_a_wrong_command_would_be_noticed(session):
    status, shown = session("README.md", "latchkey init\nlatchkey venue ad X\n")
    assert status != 0
    assert "venue ad X" in shown


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_option_named_in_prose_exists(path):
    """An option in back quotes after a command in the same quotes: the command's help has it."""
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for quoted in re.findall(r"`(?:latchkey )?((?:nas|key|plan|pool|venue|unit) [a-z-]+ --[a-z-]+[^`]*)`", text):
        group, command, *rest = quoted.split()
        result = subprocess.run(
            [sys.executable, ROOT / "latchkey.py", group, command, "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, quoted
        for option in (word.rstrip(",.") for word in rest if word.startswith("--")):
            assert option in result.stdout, quoted


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_comment_follows_a_value_of_hostapd_conf(document):
    """Such a comment would be part of the value: of the shared secret, of the NAS-Identifier."""
    for block in re.findall(r"^```ini\n(.*?)^```$", document.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        assert not re.findall(r"^[^#\n]+#.*", block, re.MULTILINE)
