"""No benchmark needs another in a circle, and what is measured comes from the product."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]


def modules(package):
    """Return, for each module of a folder, those of the same folder that it imports, wherever it does."""
    found = {}
    for path in (ROOT / package).glob("*.py"):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                imported |= {node.module.partition(".")[0]} if node.module else {alias.name for alias in node.names}
        found[path.stem] = imported - {path.stem}
    return found


def test_no_circle_among_the_benchmarks():
    order = list(TopologicalSorter(modules("benchmarks")).static_order())
    assert order.index("report") < order.index("match") < order.index("cli")
    assert order.index("building") < order.index("server")


def test_there_is_one_load_generator_and_one_builder():
    """Sockets that send loads, and M2s, are made in one module each."""
    sources = {path: path.read_text("utf-8") for path in [*ROOT.glob("pcaps/**/*.py"), *ROOT.glob("benchmarks/*.py")]}
    signing = {path.name for path, text in sources.items() if "frame_mic(" in text or "compute_mic(" in text}
    assert signing == {"handshake.py", "four_way.py"}  # of an M2, and of M3 and M4
    assert {path.name for path, text in sources.items() if "selectors." in text} == {"load.py"}
