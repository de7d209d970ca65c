"""Machine code that outlives the process: numba's cache, made to notice a change in any module the code is made from.

numba looks only at the file of the function itself, but ours are put together from code generators and functions of
other modules.
"""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit, typeof
from numba.core import caching

_SOURCES: dict[str, tuple[Path, ...]] = {}


@functools.cache
def _stamp(sources: tuple[Path, ...]) -> str:
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()


class _Stamped:
    _py_file: str

    def get_source_stamp(self) -> str:
        return _stamp(_SOURCES[self._py_file])


class _BesideTheSource(_Stamped, caching.InTreeCacheLocator):  # type: ignore[misc]
    pass


class _InTheUsersCache(_Stamped, caching.UserWideCacheLocator):  # type: ignore[misc]
    pass


class _WhereTold(_Stamped, caching.UserProvidedCacheLocator):  # type: ignore[misc]
    pass


class _CacheImpl(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_WhereTold, _BesideTheSource, _InTheUsersCache)


class _Cache(caching.FunctionCache):  # type: ignore[misc]
    _impl_class = _CacheImpl


def compiled(function: Callable[..., Any], *sources: str | Path) -> Any:
    """Compile `function` without the GIL and keep the machine code; where no folder can be written, compile every time.

    sources: the files that its code is made from
    """
    _SOURCES[function.__code__.co_filename] = tuple(map(Path, sources))
    dispatcher = njit(nogil=True)(function)
    try:
        dispatcher._cache = _Cache(function)
    except RuntimeError:  # numba's "no locator available"
        return dispatcher
    return dispatcher


def can_be_kept(dispatcher: Any) -> bool:
    """Return whether there is a folder for the machine code of a compiled function."""
    return isinstance(dispatcher._cache, _Cache)


def is_kept(dispatcher: Any, *args: object) -> bool:
    """Return whether calling a compiled function with such arguments needs no compiler."""
    kinds = tuple(typeof(arg) for arg in args)
    return kinds in dispatcher.overloads or dispatcher._cache.load_overload(kinds, dispatcher.targetctx) is not None
