"""What a benchmark tells: the machine, one row a case, as a table, as JSON."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One case: ours beside the baseline of the same run."""

    case: str
    size: int
    threads: int
    per_second: float
    baseline: str
    baseline_per_second: float
    ratio: float  # the median of the ratios pair by pair, not the ratio of the medians


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a server did with one kind of request."""

    case: str
    size: int  # keys
    workers: int
    rate: float  # answers per second
    median_ms: float
    p99_ms: float
    lost: int
    cpu_us: float | None  # of the server, per request


def compare(
    ours: Callable[[], int], baseline: Callable[[], int], *, rounds: int, seconds: float = 0.1
) -> tuple[float, float, float]:
    """Time the two in turn; each call returns how many it did.

    returns: (ours per second, baseline per second, ratio), medians over `rounds` pairs
    """
    pairs = [(_rate(ours, seconds), _rate(baseline, seconds)) for _ in range(rounds)]
    median = statistics.median
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(a / b for a, b in pairs)


def _rate(work: Callable[[], int], seconds: float) -> float:
    start = time.perf_counter()
    done = work()
    while (elapsed := time.perf_counter() - start) < seconds:
        done += work()
    return done / elapsed


def machine() -> dict[str, Any]:
    """Return what the numbers were measured on."""
    import numba

    from crypto.kernels.simd import host_lanes

    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "lanes": repr(host_lanes()),
        "python": platform.python_version(),
        "numba": numba.__version__,
        "system": platform.platform(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def to_json(results: Sequence[Result | Row]) -> str:
    """Return machine and results as one JSON object; what a server did has its rate under both usual names."""
    views = [asdict(each) | ({"per_second": each.rate} if isinstance(each, Row) else {}) for each in results]
    return json.dumps({"machine": machine(), "results": views}, indent=2)


def show(results: Sequence[Result]) -> None:
    """Print a table, ratio first."""
    headings = ("case", "keys", "threads", "ratio", "per second", "baseline", "its rate")
    cells = [
        (
            r.case,
            f"{r.size:,}",
            str(r.threads),
            f"{r.ratio:.1f}",
            f"{r.per_second:,.0f}",
            r.baseline,
            f"{r.baseline_per_second:,.0f}",
        )
        for r in results
    ]
    _print_table(headings, cells, left=("case", "baseline"))


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(caption=", ".join(f"{name} {value}" for name, value in machine().items()))
    for heading in headings:
        table.add_column(heading, justify="left" if heading in left else "right")
    for row in rows:
        table.add_row(*row)
    console = Console()
    console.width = max(console.width, 100)
    console.print(table)


def show_server(rows: Sequence[Row]) -> None:
    """Print what a server did, a line a case."""
    headings = ("case", "keys", "workers", "per second", "median ms", "p99 ms", "lost", "CPU us each")
    cells = [
        (
            row.case,
            f"{row.size:,}",
            str(row.workers),
            f"{row.rate:,.0f}",
            f"{row.median_ms:.2f}",
            f"{row.p99_ms:.2f}",
            str(row.lost),
            "-" if row.cpu_us is None else f"{row.cpu_us:.0f}",
        )
        for row in rows
    ]
    _print_table(headings, cells, left=("case",))
