"""Searches wait here for a worker thread: a bounded queue, so that a storm of wrong passphrases costs itself.

# Rule: everything but Search.run() happens in the event loop's thread. Known devices never come here.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .case import Search

CAPACITY = 512
_SHARED_FROM = 200_000  # keys; below, one thread is done before a second has begun


class Searches:
    """Runs searches on `threads` threads, oldest first, and hands each back when it has something."""

    def __init__(
        self,
        done: Callable[[Search], None],
        failed: Callable[[Search, BaseException], None],
        *,
        threads: int | None = None,
        capacity: int = CAPACITY,
    ) -> None:
        self._done = done
        self._failed = failed
        self._threads = threads or os.cpu_count() or 1
        self._capacity = capacity
        self._waiting: deque[Search] = deque()
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="search")

    def submit(self, search: Search) -> bool:
        """Queue a search; False where the queue is full."""
        if len(self._waiting) >= self._capacity:
            return False
        self._waiting.append(search)
        self._start()
        return True

    def resume(self, search: Search) -> None:
        """Let a search go on that found a key which may not be used; it has waited its turn already."""
        self._waiting.appendleft(search)
        self._start()

    async def drain(self, timeout_s: float) -> None:
        """Wait until nothing is queued or running, but no longer than that."""
        await asyncio.wait_for(self._idle.wait(), timeout_s)

    def close(self) -> None:
        """Give up what waits, and wait for what runs."""
        self._waiting.clear()
        self._executor.shutdown()

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting and self._running < self._threads:
            search = self._waiting.popleft()
            if search.case.exchange.dead:
                self._done(search)
                continue
            # All cores for one big search only while nobody else waits for them.
            alone = not self._waiting and not self._running and search.case.keys >= _SHARED_FROM
            self._running += 1
            future = loop.run_in_executor(self._executor, search.run, self._threads if alone else 1)
            future.add_done_callback(lambda future, search=search: self._finish(search, future))  # type: ignore[misc]
        if self._waiting or self._running:
            self._idle.clear()
        else:
            self._idle.set()

    def _finish(self, search: Search, future: asyncio.Future[None]) -> None:
        self._running -= 1
        error = None if future.cancelled() else future.exception()
        if error is None:
            self._done(search)
        else:
            self._failed(search, error)
        self._start()
