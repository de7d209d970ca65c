"""A store for each thread, since a Store belongs to one."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Self, TypeVar

from provisioning import Store

P = ParamSpec("P")
T = TypeVar("T")


class StoreThread:
    """One thread, and a Store that only it uses."""

    store: Store

    def __init__(self, name: str, open_store: Callable[[], Store]) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._open_store = open_store

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(work, *args, **kwargs))

    async def __aenter__(self) -> Self:
        try:
            self.store = await self.call(self._open_store)
        except BaseException:
            self._executor.shutdown()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.call(self.store.close)
        self._executor.shutdown()
