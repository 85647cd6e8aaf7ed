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
    work: Callable[[Worker, Item], Result], workers: list[Worker], items: Iterable[Item], chunk: int = 1
) -> Iterator[Result]:
    """``work(worker, item)`` for each item, each worker used by one thread at a time.

    Small int8 convolutions gain little from threads inside the interpreter; separate interpreters gain nearly all.
    When the caller stops early (Ctrl-C included) items not yet begun are dropped. ``chunk`` items are handed over at
    a time: more than one where an item takes only a few milliseconds, as the handing over then shows.
    """
    if len(workers) == 1:
        yield from (work(workers[0], item) for item in items)
        return
    from concurrent.futures import Future, ThreadPoolExecutor
    from itertools import islice
    from queue import SimpleQueue

    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def run(share: list[Item]) -> tuple[list[Result], BaseException | None]:
        worker = free.get()
        done: list[Result] = []
        try:
            for item in share:
                done.append(work(worker, item))
        except BaseException as error:  # raised by the reader, after the results before it
            return done, error
        finally:
            free.put(worker)
        return done, None

    executor = ThreadPoolExecutor(len(workers))
    pending: deque[Future[tuple[list[Result], BaseException | None]]] = deque()

    def oldest() -> Iterator[Result]:
        done, error = pending.popleft().result()
        yield from done
        if error is not None:
            raise error

    source = iter(items)
    try:
        while share := list(islice(source, chunk)):
            pending.append(executor.submit(run, share))
            if len(pending) >= _AHEAD * len(workers):
                yield from oldest()
        while pending:
            yield from oldest()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
