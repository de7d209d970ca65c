"""Each check of what is around the database, on real files, sockets and folders."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from radiusd import Config
from radiusd.check import machine as checks
from radiusd.check.finding import Level, run
from radiusd.check.machine import CHECKS, Machine
from radiusd.config import LogLimits

ROOT = Path(__file__).parents[3]


@pytest.fixture
def machine(tmp_path):
    tmp_path.chmod(0o700)
    for name in ("latchkey.db", "latchkey.db-log", "latchkey.key"):
        (tmp_path / name).touch(0o600)
    return Machine(database=tmp_path / "latchkey.db", config=Config(listen=("127.0.0.1:0",), receive_buffer=4096))


def changed(machine, **options):
    values = {name: getattr(machine, name) for name in Machine.__dataclass_fields__}
    return Machine(**values | options)


def found(check, machine):
    return [(each.level, each.text) for each in run((check,), machine)]


def test_every_check_is_in_the_table():
    assert {each for each in vars(checks).values() if callable(each) and each in CHECKS} == set(CHECKS)


@pytest.mark.parametrize("starting", [True, False])
def test_port_in_use(machine, starting):
    """An error to who wants to start a server; to who asks beside one that runs, it is probably that."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken,
        socket.create_server(("127.0.0.1", 0)) as scraped,
    ):
        taken.bind(("127.0.0.1", 0))
        ports = [taken.getsockname()[1], scraped.getsockname()[1]]
        config = Config(listen=(f"127.0.0.1:{ports[0]}",), metrics=f"127.0.0.1:{ports[1]}")
        said = found(checks.addresses_in_use, changed(machine, config=config, starting=starting))
    level = Level.ERROR if starting else Level.ADVICE
    assert said == [
        (level, f"cannot listen on 127.0.0.1:{ports[0]}: Address already in use"),
        (level, f"cannot show metrics on 127.0.0.1:{ports[1]}: Address already in use"),
    ]
    assert found(checks.addresses_in_use, machine) == []


def test_former_states_that_were_kept(machine, tmp_path):
    assert found(checks.copies_beside, machine) == []
    for name in ("latchkey.db.before-0008", "latchkey.db.before-restore-20261121T180000Z", "other.db.before-0008"):
        (tmp_path / name).write_bytes(bytes(1 << 20))
    text = "2 former states of the database lie beside it (2 MiB), with all that was erased since"
    assert found(checks.copies_beside, machine) == [(Level.ADVICE, text)]
    assert found(checks.copies_beside, changed(machine, database=tmp_path / "nowhere/latchkey.db")) == []


def test_address_that_is_not_ours(machine):
    config = Config(listen=("127.0.0.1:0",), acct=("192.0.2.99:1813",))
    ((level, text),) = found(checks.addresses_in_use, changed(machine, config=config))
    assert (level, text.startswith("cannot listen on 192.0.2.99:1813")) == (Level.ERROR, True)


@pytest.mark.parametrize(
    ("name", "mode", "level"),
    [
        ("latchkey.key", 0o640, Level.ERROR),
        ("latchkey.db", 0o644, Level.WARNING),
        ("latchkey.db-log", 0o602, Level.WARNING),
        (".", 0o777, Level.WARNING),
        ("latchkey.toml", 0o666, Level.WARNING),
    ],
)
def test_files_of_others(machine, tmp_path, name, mode, level):
    (tmp_path / "latchkey.toml").touch(0o644)
    machine = changed(machine, config_path=tmp_path / "latchkey.toml")
    assert found(checks.files_of_others, machine) == []
    (tmp_path / name).chmod(mode)
    ((said, text),) = found(checks.files_of_others, machine)
    assert said is level
    assert str((tmp_path / name).resolve()) in text


def test_key_beside_the_database(machine, tmp_path):
    assert [level for level, _ in found(checks.key_beside_database, machine)] == [Level.ADVICE]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "latchkey.key").rename(tmp_path / "elsewhere/key")
    apart = changed(machine, environ={"LATCHKEY_MASTER_KEY_FILE": str(tmp_path / "elsewhere/key")})
    assert found(checks.key_beside_database, apart) == []
    assert found(checks.key_beside_database, machine) == []


@pytest.mark.parametrize(("free_mib", "level"), [(50, Level.ERROR), (500, Level.WARNING), (700, None)])
def test_disk(machine, monkeypatch, free_mib, level):
    """Two logs of 256 MiB may come, and the database wants something, too."""
    usage = shutil.disk_usage(machine.database.parent)._replace(free=free_mib << 20)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage)
    assert [said for said, _ in found(checks.disk_nearly_full, machine)] == ([level] if level else [])
    smaller = changed(machine, config=Config(log=LogLimits(size_mb=10)))
    assert [said for said, _ in found(checks.disk_nearly_full, smaller)] == ([level] if level is Level.ERROR else [])


def test_receive_buffer_is_what_the_kernel_gives(machine, monkeypatch):
    assert found(checks.small_receive_buffer, machine) == []
    monkeypatch.setattr("radiusd.sockets._SO_RCVBUFFORCE", 0)  # as without CAP_NET_ADMIN
    most = int(Path("/proc/sys/net/core/rmem_max").read_text("ascii"))
    much = changed(machine, config=Config(receive_buffer=1 << 30))
    assert found(checks.small_receive_buffer, much) == [
        (Level.ADVICE, f"the kernel keeps {most} octets for a busy server, not receive_buffer's {1 << 30}")
    ]


@pytest.mark.parametrize(("state", "levels"), [(0, []), (-1, []), (5, [Level.WARNING])])
def test_clock(machine, monkeypatch, state, levels):
    assert checks.clock_state() in range(-1, 6)  # what adjtimex(2) can return
    monkeypatch.setattr(checks, "clock_state", lambda: state)
    assert [level for level, _ in found(checks.clock_not_synchronised, machine)] == levels


def test_kernels_are_kept_where_a_folder_can_be_written(machine, tmp_path):
    assert found(checks.kernels_not_kept, machine) == []
    (tmp_path / "a file").touch()
    code = (
        "from numba.core import caching\n"
        "from crypto.kernels import compiled\n"
        "compiled._CacheImpl._locator_classes = ()\n"  # no place is writable: not for root's tests either
        "from radiusd.check import machine\n"
        "print([level.value for level, _, _ in machine.kernels_not_kept(None)])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.stdout == "['warning']\n", result.stderr


def test_folder_that_cannot_be_written(machine, monkeypatch):
    assert found(checks.database_read_only, machine) == []
    monkeypatch.setattr(checks.os, "access", lambda path, _: path == machine.database)
    assert found(checks.database_read_only, machine) == [
        (Level.ERROR, f"{machine.database.parent} cannot be written by this user")
    ]
