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
from .tables import (
    ADDRESS,
    ANSWER,
    CLIENT,
    EXCHANGE,
    FORM,
    KEY_DATA,
    LOCAL,
    QUESTION,
    SALTED,
    SCRATCH,
    WAYS,
    Arrival,
    Datagrams,
    KeyData,
    NewAnswer,
    NewQuestion,
    Tables,
    Times,
)


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
        process = _start([sys.executable, "-P", "-c", code], theirs)  # -P: no code of the current folder
    finally:
        os.close(theirs)
    return Compilation(process, ours)


def _start(command: list[str], kept_open: int) -> "subprocess.Popen[bytes]":
    from crypto.kernels import bulk

    nothing, environ = subprocess.DEVNULL, bulk.without_settings()
    return subprocess.Popen(  # noqa: S603
        command, stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=[kept_open], env=environ
    )


def load_if_kept() -> bool:
    """Load the kernels, where the cache has them or there is none (they are compiled here then); else return False."""
    if not all(_is_kept(function, arguments) for function, arguments in _calls()):
        return False
    warm_up()
    return True


def machine_code_is_kept() -> bool:
    """Return whether there is a folder for the machine code, so that the next start need not compile."""
    from crypto.kernels import compiled

    return all(compiled.can_be_kept(function) for function, _ in _calls())


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

    packets, addresses, locals_ = (np.zeros((1, octets), np.uint8) for octets in (LONGEST, ADDRESS, LOCAL))
    tables = Tables(
        np.zeros(WAYS, QUESTION),
        np.zeros(1, CLIENT),
        np.zeros(WAYS, ANSWER),
        np.zeros(WAYS, EXCHANGE),
        np.zeros(WAYS, KEY_DATA),
        np.zeros(1, FORM),
        np.zeros(1, SCRATCH),
    )
    batch = Datagrams(packets, np.zeros(1, np.int64), addresses, locals_, packets, np.zeros((1, 4), np.int64))
    arrival = Arrival(packets[0], 0, addresses[0], locals_[0], 0)
    octets = np.frombuffer(bytes(20), np.uint8)
    key_data = KeyData(0, 0, octets, octets, octets)
    question = NewQuestion(0, 0, False, octets, octets, np.uint64(0), key_data, 0)
    pmk = np.frombuffer(bytes(32), np.uint8)
    answer = NewAnswer(np.uint64(0), 0, pmk, octets, np.zeros((2, SALTED), np.int64), 0, 0, 0.0, 0.0, 0)
    return [
        (kernels.answer_all, (tables, batch, 0, 0, Times(0.0, 0.0, 0.0), np.uint64(0))),
        (kernels.mark, (tables, arrival, 0.0)),
        (kernels.put_question, (tables, arrival, question)),
        (kernels.put_answer, (tables, answer)),
    ]
