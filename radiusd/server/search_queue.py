"""Searches wait here for a worker thread: a bounded queue, so that a storm of wrong passphrases costs itself.

# Rule: everything but Search.run() happens in the event loop's thread. Known devices never come here.

Turn by turn between source addresses, which is between access points even where one NAS entry is a whole network. Of
one device, one search at a time: its next request waits, and is then answered by the key that the first has found.
"""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ..engine.transaction import Search
from .fair_queue import FairQueue

WAITING, WAITING_EACH = 512, 64
_SHARED_FROM = 200_000  # keys; below, one thread is done before a second has begun


class SearchQueue:
    """Runs searches on `threads` threads and hands each back when it has something.

    needed:  asked when a search's turn has come; returns the search to run, or None for a request that has been dealt
             with
    done:    told when a search has come to a hit or to its end
    failed:  told when one broke
    dropped: told when there is no room for one; not always the one that was just submitted
    """

    def __init__(
        self,
        needed: Callable[[Search], Search | None],
        done: Callable[[Search], None],
        failed: Callable[[Search, BaseException], None],
        dropped: Callable[[Search], None],
        *,
        threads: int | None = None,
    ) -> None:
        self._needed = needed
        self._done = done
        self._failed = failed
        self._dropped = dropped
        self._threads = threads or os.cpu_count() or 1
        self._queue: FairQueue[Search] = FairQueue(WAITING, WAITING_EACH)
        self._owners: set[object] = set()  # of the searches that run
        self._starting = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="search")

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Return how many have a thread."""
        return len(self._owners)

    def limit(self, waiting: int, waiting_each: int) -> None:
        """Let so many wait from now on, together and of one source address."""
        self._queue.total, self._queue.each = waiting, waiting_each

    def submit(self, search: Search) -> None:
        """Queue a search."""
        surplus = self._queue.push(search.transaction.source.address, search)
        if surplus is not None:
            self._dropped(surplus)
        self._start()

    def resume(self, search: Search) -> None:
        """Let a search go on that found a key which may not be used; it has waited its turn already."""
        self._queue.push_front(search.transaction.source.address, search)
        self._start()

    async def drain(self, timeout_s: float) -> None:
        """Wait until nothing is queued or running, but no longer than that."""
        await asyncio.wait_for(self._idle.wait(), timeout_s)

    def close(self) -> None:
        """Give up what waits, and wait for what runs."""
        self._queue.clear()
        self._executor.shutdown()

    def _start(self) -> None:
        if self._starting:
            return  # what is called from here may submit and resume
        self._starting = True
        try:
            while len(self._owners) < self._threads:
                search = self._queue.pop(self._may_run)
                if search is None:
                    break
                wanted = search if search.begun else self._needed(search)
                if wanted is not None:
                    self._run(wanted)
        finally:
            self._starting = False
        if self._queue or self._owners:
            self._idle.clear()
        else:
            self._idle.set()

    def _may_run(self, search: Search) -> bool:
        return search.owner not in self._owners

    def _run(self, search: Search) -> None:
        # All cores for one big search only while nobody else waits for them.
        alone = not self._queue and not self._owners and search.transaction.keys >= _SHARED_FROM
        self._owners.add(search.owner)
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor, _run_timed, search, self._threads if alone else 1)
        future.add_done_callback(lambda future: self._finish(search, future))

    def _finish(self, search: Search, future: asyncio.Future[None]) -> None:
        self._owners.discard(search.owner)
        error = None if future.cancelled() else future.exception()
        if error is None:
            self._done(search)
        else:
            self._failed(search, error)
        self._start()


def _run_timed(search: Search, threads: int) -> None:
    began = time.monotonic()
    search.run(threads)
    search.seconds += time.monotonic() - began
