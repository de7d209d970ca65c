"""The packages form one chain, and only the first look at a thing costs what it costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHAIN = ["crypto", "provisioning", "radiusd", "pcaps"]
ALLOWED = {name: set(CHAIN[:place]) for place, name in enumerate(CHAIN)}


def absolute_imports(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_follow_the_arrows(package):
    paths = list((ROOT / package).rglob("*.py"))
    assert paths
    for path in paths:
        for name in absolute_imports(path):
            top, _, inner = name.partition(".")
            if top in ALLOWED and top != package:
                assert top in ALLOWED[package], f"{path}: {name}"
                # The fast path is built of the searches' compiled code: that one room of `crypto` is open to it.
                assert not inner or (name == "crypto.kernels" and path.parent.name == "fastpath"), f"{path}: {name}"


# Rooms of a package (folders, and the modules beside them): each may import those before it. `__init__` re-exports.
ROOMS = {
    "provisioning": [
        *(
            "errors",
            "reasons",
            "text",
            "formulas",
            "model",
            "sync",
            "platforms",
            "transport",
            "secrets",
            "keys",
            "store",
            "selectors",
            "exports",
            "sheets",
        ),
        *("lifecycle", "runner", "rekey", "commands", "__init__"),
    ],
    "radiusd": [
        *("errors", "model", "ciphers", "codec", "addresses", "datagram", "sockets", "config"),
        *("vendors", "log", "metrics", "state", "client", "engine", "fastpath", "server", "check", "cli", "__init__"),
    ],
}


def relative_imports(path, package):
    """Yield what a module of a package imports from it, as the parts of a path in there."""
    here = path.relative_to(ROOT / package).parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*here[: len(here) - node.level], *(node.module.split(".") if node.module else ()))
            yield from ((*base, alias.name) for alias in node.names)


def room(parts):
    return parts[0].removesuffix(".py")


@pytest.mark.parametrize("package", ROOMS)
def test_rooms_have_one_way_between_them(package):
    folder, rooms = ROOT / package, ROOMS[package]
    paths = list(folder.rglob("*.py"))
    assert {room(path.relative_to(folder).parts) for path in paths} == set(rooms)
    for path in paths:
        here = room(path.relative_to(folder).parts)
        for parts in relative_imports(path, package):
            there = room(parts)
            assert here == there or rooms.index(there) < rooms.index(here), f"{path}: {'.'.join(parts)}"


@pytest.mark.parametrize("package", [*ROOMS, "crypto", "pcaps"])
def test_a_folder_can_be_overlooked(package):
    for folder in (ROOT / package, *(path for path in (ROOT / package).rglob("*") if path.is_dir())):
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        limit = 25 if folder.name == "vendors" else 16  # one dialect a module
        assert len(modules) <= limit, folder


def reached_from(folder):
    """Return every module of radiusd that those in a folder import, and those they import."""
    found, ahead = set(), list(folder.glob("*.py"))
    while ahead:
        path = ahead.pop()
        if path in found:
            continue
        found.add(path)
        for parts in relative_imports(path, "radiusd"):
            for stem in (ROOT.joinpath("radiusd", *parts), ROOT.joinpath("radiusd", *parts[:-1])):
                ahead += [each for each in (stem.with_suffix(".py"), stem / "__init__.py") if each.is_file()]
    return found - {ROOT / "radiusd/__init__.py"}


def test_engine_knows_no_socket_no_batch_and_no_fast_path():
    reached = reached_from(ROOT / "radiusd/engine")
    assert ROOT / "radiusd/codec.py" in reached
    for path in reached:
        parts = path.relative_to(ROOT / "radiusd").parts
        assert room(parts) not in {"sockets", "datagram", "fastpath", "server"}, path
        if room(parts) != "log":  # which has to look at what stderr is
            assert not {"socket", "ctypes", "asyncio", "numba"} & set(absolute_imports(path)), path


def test_only_the_kernels_callers_import_the_kernels():
    for path in (ROOT / "crypto").glob("*.py"):
        relative = [
            (node.module or "", alias.name)
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom) and node.level == 1
            for alias in node.names
        ]
        if any("kernels" in pair for pair in relative):
            assert path.stem in {"pool", "pmk", "query", "schedules"}, path


@pytest.mark.parametrize(
    ("command", "forbidden"),
    [
        (["latchkey", "--help"], ("numba", "numpy", "sqlite_utils", "rich", "cryptography", "provisioning", "crypto")),
        (["latchkey", "key", "add", "--help"], ("numba", "radiusd")),
        (["latchkey", "nas", "add", "--help"], ("numba", "scapy", "pyrad")),
        (["latchkey", "nas", "list", "--help"], ("numba", "radiusd")),
        (["latchkey", "sync", "run", "--help"], ("numba", "radiusd", "rich", "httpx")),
        (["latchkey", "unit", "set", "--help"], ("numba", "radiusd", "rich", "provisioning.sheets")),
    ],
)
def test_help_imports_nothing_heavy(command, forbidden):
    code = (
        "import sys, latchkey\n"
        f"sys.argv = {command!r}\n"
        "try:\n    latchkey.main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        f"print(sorted(set({forbidden!r}) & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
