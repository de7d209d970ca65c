"""A bounded queue that takes turns: one from each name that has something waiting, round and round."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """First in, first out for each name; between names, turn by turn. Both bounds may be changed at any time."""

    def __init__(self, total: int, each: int) -> None:
        self.total = total
        self.each = each
        self._size = 0
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()  # whose turn it is first; none is empty

    def __len__(self) -> int:
        return self._size

    def push(self, name: str, item: T) -> T | None:
        """Add an item and return what there is no room for: that one, another, or None.

        A full queue takes from the name that has most waiting, so that a storm never shuts out who asks for little.
        """
        line = self._lines.get(name)
        if line is not None and len(line) >= self.each:
            return item
        surplus = None
        if self._size >= self.total:
            longest = max(self._lines, key=lambda other: len(self._lines[other]), default=name)
            if longest == name or len(self._lines[longest]) < 2:
                return item
            surplus = self._lines[longest].pop()
            self._size -= 1
        if line is None:
            line = self._lines[name] = deque()
        line.append(item)
        self._size += 1
        return surplus

    def push_front(self, name: str, item: T) -> None:
        """Put back an item that has had its turn: it is next, whatever the bounds."""
        self._lines.setdefault(name, deque()).appendleft(item)
        self._lines.move_to_end(name, last=False)
        self._size += 1

    def pop(self, ready: Callable[[T], bool]) -> T | None:
        """Return the next item that is `ready`, or None; a name whose items are not keeps its place."""
        for name, line in self._lines.items():
            for place, item in enumerate(line):
                if ready(item):
                    del line[place]
                    self._size -= 1
                    self._lines.move_to_end(name)
                    if not line:
                        del self._lines[name]
                    return item
        return None

    def clear(self) -> None:
        """Forget everything."""
        self._lines.clear()
        self._size = 0
