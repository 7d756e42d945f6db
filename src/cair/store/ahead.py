"""Work done one step ahead, in a thread of its own, in order: reading the next lines while those before are written."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
PATIENCE = 0.1
"""Seconds after which a waiting thread looks whether the other one has given up."""


class _End(Generic[Item]):
    """What comes after the last item: why there is no other, if that is a trouble."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def ahead(items: Iterator[Item], *, depth: int) -> Iterator[Iterator[Item]]:
    """Make items ahead, at most `depth` of them; what the making raises is raised where its item would have come.

    The thread has ended when the context is left, however it is left.
    """
    ready: Queue[Item | _End[Item]] = Queue(depth)
    stopped = Event()
    maker = Thread(target=_make, args=(items, ready, stopped), name="ahead", daemon=True)
    maker.start()
    try:
        yield _taken(ready)
    finally:
        stopped.set()
        maker.join()


def _make(items: Iterator[Item], ready: "Queue[Item | _End[Item]]", stopped: Event) -> None:
    error = None
    try:
        for item in items:
            if not _put(item, ready, stopped):
                break
    except BaseException as trouble:  # noqa: BLE001 - raised again by the thread that takes the items
        error = trouble
    _put(_End(error), ready, stopped)


def _put(item: "Item | _End[Item]", ready: "Queue[Item | _End[Item]]", stopped: Event) -> bool:
    while not stopped.is_set():
        try:
            ready.put(item, timeout=PATIENCE)
        except Full:
            continue
        return True
    return False


def _taken(ready: "Queue[Item | _End[Item]]") -> Iterator[Item]:
    while True:
        try:
            item = ready.get(timeout=PATIENCE)
        except Empty:
            continue
        if isinstance(item, _End):
            if item.error:
                raise item.error
            return
        yield item
