"""Workers side by side give results in order, each used by one thread at a time."""

from __future__ import annotations

import threading
import time

import pytest

from edge_runtime.core.pool import ordered_map


class Worker:
    """Notices when two threads use it at once."""

    def __init__(self) -> None:
        self._busy = threading.Lock()

    def square(self, number: int) -> int:
        assert self._busy.acquire(blocking=False)
        time.sleep(0.001 * (number % 3))
        self._busy.release()
        return number * number


@pytest.mark.parametrize("chunk", [1, 7])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_are_in_order(count: int, chunk: int) -> None:
    workers = [Worker() for _ in range(count)]
    assert list(ordered_map(Worker.square, workers, range(100), chunk)) == [n * n for n in range(100)]


@pytest.mark.parametrize(("count", "chunk"), [(1, 1), (3, 1), (3, 2), (3, 4)])
def test_an_error_comes_out_where_it_belongs(count: int, chunk: int) -> None:
    def work(worker: int, item: int) -> float:
        return 6 / item

    results = ordered_map(work, list(range(count)), [1, 2, 0, 3], chunk)
    assert [next(results), next(results)] == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_items_are_not_fetched_far_ahead() -> None:
    fetched = []

    def items():  # type: ignore[no-untyped-def]
        for i in range(1000):
            fetched.append(i)
            yield i

    results = ordered_map(lambda worker, item: item, [0, 1], items())
    next(results)
    assert len(fetched) <= 8
    results.close()  # the rest is dropped, and no thread stays behind
    assert len(fetched) <= 8
