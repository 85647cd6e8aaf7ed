"""Several single-thread classifiers side by side: results in the order of the items, and never far ahead of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Worker = TypeVar("Worker")
Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 4  # items in work for each worker: enough to keep all busy, few enough to hold little in memory


def ordered_map(
    work: Callable[[Worker, Item], Result], workers: list[Worker], items: Iterable[Item]
) -> Iterator[Result]:
    """``work(worker, item)`` for each item, each worker used by one thread at a time.

    Small int8 convolutions gain little from threads inside the interpreter; separate interpreters gain nearly all.
    When the caller stops early (Ctrl-C included) items not yet begun are dropped.
    """
    if len(workers) == 1:
        yield from (work(workers[0], item) for item in items)
        return
    from concurrent.futures import Future, ThreadPoolExecutor
    from queue import SimpleQueue

    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def run(item: Item) -> Result:
        worker = free.get()
        try:
            return work(worker, item)
        finally:
            free.put(worker)

    executor = ThreadPoolExecutor(len(workers))
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(executor.submit(run, item))
            if len(pending) >= _AHEAD * len(workers):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
