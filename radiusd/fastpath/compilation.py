"""Gets the compiled code of the fast path ready. Nobody waits for the compiler: the server begins without.

After an install the kernels are compiled once, in a process of their own, while the engine answers everything.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .batch import LONGEST
from .tables import ADDRESS, ANSWER, CLIENT, EXCHANGE, FORM, FRAMES, QUESTION, SCRATCH, WAYS


@dataclass(slots=True)
class Compilation:
    """Another process that fills the cache. Its end can be waited for by this process and those it forks."""

    process: "subprocess.Popen[bytes]"
    descriptor: int  # readable when it is over

    def collect(self) -> None:
        """Forget the process if it has ended; to be called now and then by its parent."""
        self.process.poll()

    def stop(self) -> None:
        """End it; what it has not compiled is compiled next time."""
        self.process.terminate()
        self.process.wait()


def prepare() -> Compilation | None:
    """Load the kernels, or have them compiled elsewhere where they are not in the cache."""
    if load_if_kept():
        return None
    ours, theirs = os.pipe()
    try:
        root = str(Path(__file__).parents[2])
        code = (
            f"import sys; sys.path.insert(0, {root!r})\nfrom radiusd.fastpath import compilation; compilation.warm_up()"
        )
        nothing = subprocess.DEVNULL
        command = [sys.executable, "-c", code]
        process = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=[theirs])  # noqa: S603
    finally:
        os.close(theirs)
    return Compilation(process, ours)


def load_if_kept() -> bool:
    """Load the kernels, where the cache has them or there is none (they are compiled here then); else return False."""
    if not all(_is_kept(function, arguments) for function, arguments in _calls()):
        return False
    warm_up()
    return True


def warm_up() -> None:
    """Load the kernels or compile them, by answering nothing."""
    for function, arguments in _calls():
        function(*arguments)


def _is_kept(function: Any, arguments: tuple[object, ...]) -> bool:
    from crypto.kernels import compiled

    return not compiled.can_be_kept(function) or compiled.is_kept(function, *arguments)


def _calls() -> list[tuple[Any, tuple[object, ...]]]:
    """Return each kernel with arguments that make it do nothing; of the kinds that the fast path calls it with."""
    from . import kernels

    questions, clients, answers, exchanges, scratch = (
        np.zeros(count, kind)
        for kind, count in ((QUESTION, WAYS), (CLIENT, 1), (ANSWER, WAYS), (EXCHANGE, WAYS), (SCRATCH, 1))
    )
    packets, addresses = np.zeros((1, LONGEST), np.uint8), np.zeros((1, ADDRESS), np.uint8)
    octets = np.frombuffer(bytes(20), np.uint8)
    frames, forms = np.zeros(FRAMES, np.uint64), np.zeros(1, FORM)
    tables = questions, clients, answers, exchanges, frames, forms, scratch
    results, lengths = np.zeros((1, 4), np.int64), np.zeros(1, np.int64)
    batch = packets, lengths, addresses, results, packets, 0, 0, 0.0, 0.0, 0.0, np.uint64(0)
    request = scratch, packets[0], 0, addresses[0], 0
    answer = np.uint64(0), 0, np.zeros(10, np.uint32), octets, 0, 0, 0, 0, 0.0, 0
    return [
        (kernels.answer_all, (*tables, *batch)),
        (kernels.mark, (exchanges, scratch, octets, addresses[0], 0, 0.0)),
        (kernels.put_question, (questions, frames, forms, *request, 0, 0, False, octets, np.uint64(0), 0)),
        (kernels.put_answer, (answers, *answer)),
    ]
