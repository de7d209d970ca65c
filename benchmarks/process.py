"""The server under test as a process of its own: started when its code is compiled, its processor time, its end."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pcaps import SendError

_READY_S: Final = 120.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def compile_kernels(progress: Callable[[str], object]) -> None:
    """Have the fast path compiled, so that a server loads it before it is ready.

    After an install the server compiles it in another process while its engine answers; measured then, it is slow, and
    that process's time is added to it, or missing from it once it has ended.
    """
    from radiusd.fastpath.compilation import load_if_kept, warm_up

    if not load_if_kept():
        progress("compiling the server's fast path (once after an install)")
        warm_up()


@contextlib.contextmanager
def serving(database: Path, workers: int, progress: Callable[[str], object]) -> Iterator[tuple[int, tuple[str, int]]]:
    """Run `latchkey serve`, its fast path compiled before, for the block; its process id and address."""
    compile_kernels(progress)
    log = database.with_suffix(".log")
    command = [sys.executable, "-m", "latchkey", "--db", str(database), "serve", "--listen", "127.0.0.1:0"]
    if workers > 1:
        command += ["--workers", str(workers)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:  # noqa: S603
        try:
            deadline = time.monotonic() + _READY_S
            while not (ready := re.search(r" ready listen=127\.0\.0\.1:(\d+)", log.read_text("utf-8"))):
                if process.poll() is not None or time.monotonic() > deadline:
                    said = " / ".join(log.read_text("utf-8").split("\n")[-3:]).strip(" /")
                    raise SendError(f"the server did not start: {said}")
                time.sleep(0.05)
            yield process.pid, ("127.0.0.1", int(ready[1]))
        finally:
            process.send_signal(signal.SIGTERM)


def cpu_s(process: int | None) -> float | None:
    """Return the processor seconds that a process and its children have used, or None for a server elsewhere."""
    if process is None:
        return None
    family = [process]
    for task in Path(f"/proc/{process}/task").iterdir():
        family += map(int, (task / "children").read_text("ascii").split())
    total = 0
    for member in family:
        fields = Path(f"/proc/{member}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])  # utime, stime
    return total / _TICKS
