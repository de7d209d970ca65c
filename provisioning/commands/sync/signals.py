"""What ends a command: a signal that it has an answer to."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def on(number: signal.Signals, handler: Callable[..., Any]) -> Iterator[None]:
    """Have a signal handled so, where this is the thread that gets them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Let SIGTERM end what is done within as Ctrl-C does: a lease is given back."""
    with on(signal.SIGTERM, signal.default_int_handler):
        yield
