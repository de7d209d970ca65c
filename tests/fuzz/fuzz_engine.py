"""Coverage-guided fuzzing of `target`: `make fuzz`. libFuzzer writes an input that is a finding to the current folder.

python tests/fuzz/fuzz_engine.py tests/fuzz/corpus -max_total_time=300
python tests/fuzz/fuzz_engine.py --memory 1000000        a million datagrams, and whether memory grew
"""

import gc
import logging
import os
import random
import resource
import sys
import tempfile
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
with atheris.instrument_imports(include=["radiusd", "crypto.eapol", "crypto.elements"]):
    from target import DATAGRAMS, Target


def silence() -> None:
    """Let every line of the log be formatted, and go nowhere."""
    handler = logging.StreamHandler(open(os.devnull, "w"))  # noqa: SIM115, PTH123
    log = logging.getLogger("radiusd")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    logging.raiseExceptions = True


def memory(target: Target, count: int) -> None:
    """Send `count` mutated datagrams; fail where memory still grows over the second half."""
    choice = random.Random(1)
    seeds = [path.read_bytes() for path in sorted((Path(__file__).parent / "corpus").iterdir())]
    half = 0
    for number in range(count // DATAGRAMS):
        octets = bytearray(choice.choice(seeds))
        for _ in range(choice.randrange(4)):
            if octets:
                octets[choice.randrange(len(octets))] = choice.randrange(256)
        target(bytes(octets))
        if number == count // DATAGRAMS // 2:
            gc.collect()
            half = resident_kib()
    gc.collect()
    grown = resident_kib() - half
    print(f"{count:,} datagrams; grown by {grown} KiB over the second half, {resident_kib() // 1024} MiB resident")
    if grown > 8192:
        sys.exit(1)


def resident_kib() -> int:
    """Return what of this process is in memory now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() // 1024


def main() -> None:
    silence()
    with tempfile.TemporaryDirectory() as folder:
        target = Target(folder)
        gc.freeze()  # what is there now is looked through at no collection: none takes a datagram's time
        if sys.argv[1:2] == ["--memory"]:
            memory(target, int(sys.argv[2]))
            return
        atheris.Setup(sys.argv, target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
