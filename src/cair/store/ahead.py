"""Work done some steps ahead, in threads of its own, in order: reading the next lines while those before are written."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
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


def side_by_side(items: Iterator[Item], makers: list[Callable[[Item], Made]], *, depth: int) -> Iterator[Made]:
    """Make something of each item, in order: as many at a time as there are makers, none of them used twice at once.

    One more waits for a maker; with those that are made already and wait for a slow one before them at most `depth`.
    """
    idle: Queue[Callable[[Item], Made]] = Queue()
    for maker in makers:
        idle.put(maker)

    def make(item: Item) -> Made:
        maker = idle.get_nowait()
        try:
            return maker(item)
        finally:
            idle.put(maker)

    begun: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(len(makers), thread_name_prefix="beside") as threads:
        for item in items:
            begun.append(threads.submit(make, item))
            while begun and (begun[0].done() or len(begun) >= depth or _unfinished(begun) > len(makers)):
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def _unfinished(begun: "Iterable[Future[Made]]") -> int:
    return sum(not each.done() for each in begun)


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
