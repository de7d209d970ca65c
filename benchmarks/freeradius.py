"""How does the server compare with FreeRADIUS on the job both can do: which key has this registered device?

    python -m benchmarks.freeradius [--keys N] [--seconds S] [--workers N] [--plot FILE.png]

Debian's FreeRADIUS (package freeradius; 3.2.1 has no rlm_dpsk, so no search) reads the same residents from a users
file: MAC address to Tunnel-Password and VLAN, matched by hash. Both servers stand on loopback in one run and are loaded
in turn, A B A B, with the same requests; both log every answer, and every answer is decrypted and compared.
"""

import contextlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from pcaps import LoadGenerator, SendError

from .building import Building, Request, check, device, summarise, vlan
from .process import cpu_s, serving

_CONFIGURATION = """
prefix = /usr
libdir = /usr/lib/freeradius
logdir = {folder}
run_dir = {folder}
name = freeradius
pidfile = {folder}/freeradius.pid
max_requests = 65536
cleanup_delay = 5
hostname_lookups = no
log {{
    destination = files
    file = {folder}/radius.log
    auth = yes
}}
security {{
    allow_core_dumps = no
    reject_delay = 0
}}
proxy_requests = no
thread pool {{
    start_servers = {threads}
    max_servers = {threads}
    min_spare_servers = 0
    max_spare_servers = {threads}
    max_requests_per_server = 0
    auto_limit_acct = no
}}
client loopback {{
    ipaddr = 127.0.0.0/8
    secret = testing123
    require_message_authenticator = yes
}}
modules {{
    files {{
        filename = {folder}/users
        key = "%{{User-Name}}"
    }}
}}
server default {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    authorize {{
        files
    }}
    authenticate {{
    }}
}}
"""


def _users(building: Building) -> Iterator[str]:
    for resident, passphrase in enumerate(building.passphrases):
        yield f"{device(resident).value.hex()} Auth-Type := Accept\n"
        yield "\tMessage-Authenticator = 0x00, Tunnel-Type = VLAN, Tunnel-Medium-Type = IEEE-802, "
        yield f'Tunnel-Private-Group-Id = "{vlan(resident)}", Tunnel-Password = "{passphrase.decode()}"\n\n'


@contextlib.contextmanager
def _freeradius(folder: Path, building: Building, threads: int) -> Iterator[tuple[int, tuple[str, int]]]:
    """Run Debian's FreeRADIUS for the block; its process id and address."""
    program = shutil.which("freeradius")
    if program is None:
        raise click.ClickException("FreeRADIUS is not here: apt install freeradius")
    folder.mkdir(mode=0o755)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "users").write_text("".join(_users(building)))
    (folder / "radiusd.conf").write_text(_CONFIGURATION.format(folder=folder, port=port, threads=threads))
    shutil.copytree("/etc/freeradius/3.0/mods-config", folder / "mods-config", ignore=lambda *_: [".*"])
    (folder / "dictionary").write_text("")
    command = [program, "-f", "-d", str(folder), "-n", "radiusd", "-l", str(folder / "start.log")]
    with subprocess.Popen(command) as process:  # noqa: S603
        try:
            address = ("127.0.0.1", port)
            _await(address, building, process)
            yield process.pid, address
        finally:
            process.send_signal(signal.SIGTERM)


def _await(address: tuple[str, int], building: Building, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with LoadGenerator(address, sockets=1) as load:
            request = building.lookup(load)
            with contextlib.suppress(SendError):  # it does not listen yet
                load.run([request])
        if request.reply:
            return
        time.sleep(0.2)
    raise click.ClickException("FreeRADIUS did not start")


@click.command()
@click.option("--keys", default=100_000, show_default=True, type=click.IntRange(100))
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0.1), help="For each measurement.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1), help="Our processes, their threads.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False))
def main(keys: int, seconds: float, rounds: int, workers: int, plot: Path | None) -> None:
    """Compare Latchkey and FreeRADIUS on looking up registered devices."""
    say: Callable[[str], None] = lambda text: click.echo(text, err=True)  # noqa: E731
    building = Building(keys)
    figures: dict[str, list[tuple[float, float, float]]] = {"Latchkey": [], "FreeRADIUS": []}
    with tempfile.TemporaryDirectory(prefix="latchkey-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        building.furnish(folder / "latchkey.db", say)
        servers = {
            "Latchkey": stack.enter_context(serving(folder / "latchkey.db", workers, say)),
            "FreeRADIUS": stack.enter_context(_freeradius(folder / "freeradius", building, workers)),
        }
        loads = {title: stack.enter_context(LoadGenerator(address)) for title, (_, address) in servers.items()}
        count = 5 * building.devices  # first to warm up: each device has met each worker then
        for number in range(rounds + 1):
            for title, load in loads.items():
                requests = [building.lookup(load) for _ in range(count)]
                rate, cpu, p99 = _measure(load, servers[title][0], requests)
                if number:  # the first round is to warm up
                    figures[title].append((rate, cpu, p99))
                    say(f"{title:11} {rate:9,.0f} requests/s  {cpu:6.1f} us of CPU each  p99 {p99:6.2f} ms")
            count = max(2_000, int(seconds * min(f[-1][0] for f in figures.values()))) if number else count
    ours, theirs = figures["Latchkey"], figures["FreeRADIUS"]
    ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, theirs, strict=True))
    cpu_ratio = statistics.median(b[1] / a[1] for a, b in zip(ours, theirs, strict=True))
    click.echo(f"Latchkey / FreeRADIUS: {ratio:.2f} times the requests/s, {cpu_ratio:.2f} times the requests per CPU")
    if plot is not None:
        _draw(figures, plot)


def _measure(load: LoadGenerator, process: int, requests: list[Request]) -> tuple[float, float, float]:
    before = cpu_s(process)
    elapsed = load.run(requests, window=128)  # more than fit FreeRADIUS's socket are lost
    spent = (cpu_s(process) or 0.0) - (before or 0.0)
    check(requests)
    outcome = summarise(requests, elapsed)[0]
    if outcome.lost:
        click.echo(f"  {outcome.lost} of {outcome.count} lost", err=True)
    return outcome.per_second, spent / len(requests) * 1e6, outcome.p99_ms


def _draw(figures: dict[str, list[tuple[float, float, float]]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, column, title in zip(panels, range(3), ("requests/s", "CPU us each", "p99 ms"), strict=True):
        values = [statistics.median(row[column] for row in rows) for rows in figures.values()]
        bars = axes.bar(list(figures), values, color=("steelblue", "lightsteelblue"))
        axes.bar_label(bars, fmt="{:,.0f}" if values[0] > 10 else "{:.2f}")
        axes.set_title(title)
    figure.savefig(path, dpi=144)


if __name__ == "__main__":
    main()
