"""The packages form one chain, and only the first look at a thing costs what it costs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHAIN = ["crypto", "provisioning", "radiusd", "pcaps"]
ALLOWED = {name: set(CHAIN[:place]) for place, name in enumerate(CHAIN)}


def absolute_imports(path: Path) -> Iterator[str]:
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
