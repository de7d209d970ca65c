"""What Prometheus scrapes: one endpoint for all workers, whichever of them answered what.

Each worker writes its numbers to its slot in shared memory once a second. The first one shows the sum of all slots.
A worker that takes a dead one's slot counts on from what is there, so that no counter falls.

# Rule: the parent binds the endpoint and makes the slots, and starts no thread; that is the first worker's.
"""

import contextlib
import json
import logging
import platform
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from ..addresses import Address
from .counters import Counts, Histogram
from .http import Endpoint, Page, bind_stream
from .shared_memory import Slot

log = logging.getLogger("radiusd")

Gauges = Mapping[str, int]
Connectors = Sequence[Mapping[str, Any]]  # how each synchronisation stands: see `sync_watch`
LABELLED: Final = {  # counters with one label: text, label, and the values that are shown before they occur
    "discards": ("Datagrams that got no answer.", "cause", ()),
    "accounting": ("Accounting-Requests answered.", "status", ()),
    "log_lines_dropped": ("Lines of the log that could not be written.", "to", ("stderr", "file")),
}
COUNTED: Final = {  # counters without
    "duplicates": "Repetitions of a request (RFC 5080).",
    "probes": "Questions of devices whether a server lives.",
    "status": "Status-Server requests (RFC 5997) answered.",
    "former_secrets": "Requests of NASes that still use the shared secret before the present one.",
    "fastpath_failures": "Failures of the fast path; the engine answers everything for a while after each.",
    "devices_forgotten": "Devices that made room in memory for others that showed the same key.",
}
SUMMED: Final = {
    "searches_waiting": "Requests that wait for a thread to search with.",
    "searches_running": "Searches that have a thread.",
}
SHARED: Final = {  # of which every worker has the same number
    "keys": "Keys in memory, valid or not.",
    "keypools": "Keypools.",
    "nases": "NAS entries.",
    "devices": "Devices whose key is known.",
    "store_age_seconds": "Since the store was last read successfully, in the worker that is behind most.",
    "store_damaged_rows": "Rows of the store that cannot be opened, and are left out.",
}
OF_CONNECTORS: Final = {  # of each synchronisation
    "held": ("held", "1 while a person has to accept a plan."),
    "last_run_timestamp_seconds": ("last_run", "When it ran last, since 1970; 0: never."),
    "last_complete_timestamp_seconds": ("last_complete", "When its platform was read completely last; 0: never."),
}
_PAGE = resource.getpagesize()
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The endpoint and the workers' slots. To be made before workers are forked."""

    def __init__(self, address: Address, workers: int) -> None:
        """Bind the endpoint; ServeError where that cannot be."""
        self.listener = bind_stream(address)
        self.slots = [Slot() for _ in range(workers)]

    @property
    def address(self) -> Address:
        """Return where the endpoint is, with the port that the kernel chose for port 0."""
        host, port = self.listener.getsockname()[:2]
        return host, port

    def meter(self, worker: int = 1) -> "Meter":
        """Return what worker number `worker`, from 1, shows its numbers through."""
        return Meter(self, worker)


class Meter:
    """One worker's numbers on their way to the endpoint."""

    def __init__(self, metrics: Metrics, worker: int) -> None:
        self._metrics = metrics
        self._worker = worker
        self._slot = metrics.slots[worker - 1]
        self._began = time.time()
        self._full = False

    @contextlib.contextmanager
    def counting(
        self, counts: Counts, gauges: Callable[[], Gauges], connectors: Callable[[], Connectors] = tuple
    ) -> Iterator[Callable[[], None]]:
        """Go on from what an earlier worker has counted, and give what publishes; it is called at the end, too."""
        former = self._slot.read()
        if former is not None:
            counts.add(json.loads(former)["counts"])

        def publish() -> None:
            self._publish(counts, gauges(), connectors())

        publish()
        endpoint = None
        if self._worker == 1:
            metrics = self._metrics
            endpoint = Endpoint(metrics.listener, lambda openmetrics: render_page(metrics.slots, openmetrics))
            endpoint.start()
        try:
            yield publish
        finally:
            publish()
            if endpoint is not None:
                endpoint.stop()

    def _publish(self, counts: Counts, gauges: Gauges, connectors: Connectors) -> None:
        others = json.dumps(
            {"gauges": dict(gauges), "connectors": list(connectors), "process": _measure_process(self._began)}
        )
        if not self._slot.write(f'{{"counts":{counts.encode()},{others[1:]}'.encode()) and not self._full:
            self._full = True
            log.error("the metrics of this worker have grown too large to be shown")


def render_page(slots: Sequence[Slot], openmetrics: bool) -> Page:
    """Return what a scrape gets."""
    # Imported where it is used: nobody without an endpoint has to wait for it.
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.openmetrics import exposition

    registry = CollectorRegistry(auto_describe=False)
    views = [(number, json.loads(octets)) for number, slot in enumerate(slots, 1) if (octets := slot.read())]
    registry.register(_Collector(views))
    if openmetrics:
        return exposition.CONTENT_TYPE_LATEST, exposition.generate_latest(registry)  # type: ignore[no-untyped-call]
    return _TEXT, generate_latest(registry)


class _Collector:
    """All numbers of all workers, in Prometheus's terms."""

    def __init__(self, views: Sequence[tuple[int, Any]]) -> None:
        self._views = views
        self._counts = Counts()
        for _, view in views:
            self._counts.add(view["counts"])

    def describe(self) -> Iterator[Any]:
        """Yield nothing: it would be collected, only to be checked."""
        yield from ()

    def collect(self) -> Iterator[Any]:
        """Yield each family."""
        yield from self._counters()
        yield from self._histograms()
        yield from self._gauges()
        yield from self._connectors()
        yield from self._processes()

    def _counters(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily

        labels = ("nas", "dialect", "outcome", "reason")
        requests = CounterMetricFamily("latchkey_requests", "Access-Requests that were decided.", labels=labels)
        for values, count in self._counts.requests.items():
            requests.add_metric(values, count)
        yield requests
        for name, (text, label, always) in LABELLED.items():
            family = CounterMetricFamily(f"latchkey_{name}", text, labels=(label,))
            for value, count in (dict.fromkeys(always, 0) | getattr(self._counts, name)).items():
                family.add_metric((value,), count)
            yield family
        for name, text in COUNTED.items():
            yield CounterMetricFamily(f"latchkey_{name}", text, getattr(self._counts, name))

    def _histograms(self) -> Iterator[Any]:
        counts = self._counts
        yield _histogram("latchkey_request_seconds", "From a request to its answer.", counts.request_seconds, "class")
        yield _histogram("latchkey_search_seconds", "A search, in its thread.", {"": counts.search_seconds})
        yield _histogram("latchkey_search_keys", "Keys that were to be searched.", {"": counts.search_keys})

    def _gauges(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        gauges = [view["gauges"] for _, view in self._views]
        for name, text in SUMMED.items():
            yield GaugeMetricFamily(f"latchkey_{name}", text, sum(each[name] for each in gauges))
        for name, text in SHARED.items():
            yield GaugeMetricFamily(f"latchkey_{name}", text, max((each[name] for each in gauges), default=0))
        yield GaugeMetricFamily("latchkey_workers", "Processes that answer.", len(gauges))
        build = {"version": _version(), "python": platform.python_version()}
        yield InfoMetricFamily("latchkey_build", "What is running.", build)

    def _connectors(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        views = {each["connector"]: each for _, view in self._views for each in view.get("connectors", ())}
        for name, (key, text) in OF_CONNECTORS.items():
            family = GaugeMetricFamily(f"latchkey_sync_{name}", text, labels=("connector",))
            for connector, view in views.items():
                family.add_metric((connector,), float(view[key]))
            yield family
        records = GaugeMetricFamily(
            "latchkey_sync_records", "Keys that the last run was about.", labels=("connector", "action")
        )
        for connector, view in views.items():
            for action, count in view["records"].items():
                records.add_metric((connector, action), count)
        yield records

    def _processes(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for kind, name, text in (
            (CounterMetricFamily, "cpu_seconds", "User and system CPU time."),
            (GaugeMetricFamily, "resident_memory_bytes", "Memory, with what the workers share."),
            (GaugeMetricFamily, "open_fds", "Open file descriptors."),
            (GaugeMetricFamily, "start_time_seconds", "When the worker began, since 1970."),
        ):
            family = kind(f"process_{name}", text, labels=("worker",))
            for number, view in self._views:
                family.add_metric((str(number),), view["process"][name])
            yield family


def _histogram(name: str, text: str, histograms: Mapping[str, Histogram], label: str = "") -> Any:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(name, text, labels=(label,) if label else ())
    for value, histogram in histograms.items():
        total, buckets = 0, []
        for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
            total += count
            buckets.append((bound, total))
        family.add_metric((value,) if label else (), buckets, histogram.sum)
    return family


def _measure_process(began: float) -> dict[str, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "resident_memory_bytes": int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE,
        "open_fds": len(list(Path("/proc/self/fd").iterdir())),
        "start_time_seconds": began,
    }


@cache
def _version() -> str:
    try:
        return version("latchkey-radius")
    except PackageNotFoundError:
        return "unknown"
