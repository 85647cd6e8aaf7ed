"""The server's inner limits: workers that crash, places that run out, buckets of requests, figures."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.errors import WrongUsage
from edge_runtime.server.work import jobs
from tests.edge_runtime.server.server_tools import cell_image, client, is_problem, uploads, wait_until

from edge_runtime.server.access.limits import Admission, RateLimit  # isort: skip
from edge_runtime.server.metrics import Metrics  # isort: skip
from edge_runtime.server.problems import Problem  # isort: skip
from edge_runtime.server.work.workers import WorkerCrashed, Workers, alive  # isort: skip


def make_workers(count: int = 1) -> tuple[Workers[object], list[object]]:
    closed: list[object] = []
    workers: Workers[object] = Workers(object, count, closed.append)
    workers.start()
    return workers, closed


def fail(error: BaseException) -> Any:
    def job(_: object) -> None:
        raise error

    return job


def test_jobs_are_done_in_their_order() -> None:
    workers, closed = make_workers()
    done: list[int] = []
    futures = [workers.submit(lambda tools, i=i: done.append(i)) for i in range(20)]  # type: ignore[misc]
    for future in futures:
        future.result(1200)
    workers.close(5)
    assert done == list(range(20)) and len(closed) == 1 and workers.done == 20


def test_an_expected_error_is_the_callers_and_the_worker_goes_on() -> None:
    workers, closed = make_workers()
    with pytest.raises(WrongUsage):
        workers.submit(fail(WrongUsage("no"))).result(1200)
    assert workers.submit(lambda tools: 1).result(1200) == 1
    assert workers.replaced == 0 and not closed
    workers.close(5)


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), SystemExit(3), KeyboardInterrupt()])
def test_a_worker_that_crashes_is_replaced_with_new_tools(error: BaseException) -> None:
    workers, closed = make_workers(2)
    with pytest.raises(WorkerCrashed):
        workers.submit(fail(error)).result(1200)
    wait_until(lambda: workers.alive == 2 and workers.replaced == 1)
    assert len(closed) == 1
    assert [workers.submit(lambda tools: tools).result(1200) is not closed[0] for _ in range(4)] == [True] * 4
    workers.close(5)


def test_the_end_waits_for_the_job_in_hand_and_those_behind_it() -> None:
    workers, _ = make_workers()
    begun, done = threading.Event(), []

    def slow(_: object) -> None:
        begun.set()
        time.sleep(0.3)
        done.append("slow")

    first, second = workers.submit(slow), workers.submit(lambda tools: done.append("next"))
    begun.wait(1200)
    workers.close(1200)
    assert done == ["slow", "next"] and first.done() and second.done()
    with pytest.raises(Problem) as refused:
        workers.submit(slow)
    assert refused.value.kind == "stopping"


def test_what_is_not_done_in_time_is_refused_not_lost() -> None:
    workers, _ = make_workers()
    go = threading.Event()
    first, second = workers.submit(lambda tools: go.wait(1200)), workers.submit(lambda tools: 1)
    workers.close(0.2)
    with pytest.raises(Problem) as refused:
        second.result(1200)
    assert refused.value.status == 503 and not first.done()
    go.set()
    assert first.result(1200)


def test_the_oldest_job_tells_whether_a_worker_hangs() -> None:
    workers, _ = make_workers()
    go = threading.Event()
    future = workers.submit(lambda tools: go.wait(1200))
    wait_until(lambda: workers.busy == 1)
    time.sleep(0.1)
    assert workers.longest() >= 0.1
    go.set()
    future.result(1200)
    wait_until(lambda: workers.longest() == 0)
    workers.close(5)


def test_a_job_of_many_images_that_gets_on_hangs_never() -> None:
    workers, _ = make_workers()
    seen: list[float] = []

    def batch(_: object) -> None:
        for _ in range(5):
            alive()
            time.sleep(0.1)
            seen.append(workers.longest())

    workers.submit(batch).result(1200)
    workers.close(5)
    assert len(seen) == 5 and all(0.09 <= silent < 0.3 for silent in seen)
    alive()  # outside a worker it does nothing


def test_each_image_of_a_batch_has_the_whole_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[None] = []
    monkeypatch.setattr(jobs, "alive", lambda: said.append(None))
    with client(tmp_path) as caller:
        assert caller.post("/v1/classify", files=uploads(cell_image(), b"bad", cell_image())).status_code == 200
    assert len(said) == 3


def test_a_frame_that_is_larger_than_all_uploads_goes_through_alone() -> None:
    admission = Admission(3, 100, lambda: 3.0)
    with admission.enter() as place:
        place.hold(1000)
        with admission.enter() as other, pytest.raises(Problem):
            other.hold(1)
    assert admission.held == 0


def test_places_and_bytes_are_bounded_and_given_back() -> None:
    admission = Admission(2, 100, lambda: 3.0)
    with admission.enter() as place:
        place.hold(60)
        with admission.enter() as other, pytest.raises(Problem) as full:
            with pytest.raises(Problem):
                other.hold(41)
            other.hold(40)
            admission.enter()
        assert full.value.headers == {"Retry-After": "3"}
        assert (admission.taken, admission.held) == (1, 60)
    assert (admission.taken, admission.held, admission.refused) == (0, 0, 2)
    admission.closed = True
    with pytest.raises(Problem):
        admission.enter()


def test_a_bucket_of_requests_fills_again() -> None:
    now = [0.0]
    limit = RateLimit(2.0, 4.0, lambda: now[0])

    def allowed(caller: str) -> bool:
        try:
            limit.check(caller)
        except Problem:
            return False
        return True

    assert [allowed("a") for _ in range(6)] == [True] * 4 + [False] * 2
    assert allowed("b")
    now[0] += 1
    assert [allowed("a") for _ in range(3)] == [True, True, False]
    for i in range(3000):  # strangers do not fill the memory
        allowed(f"stranger {i}")
    assert len(limit._left) <= 1024


def test_a_full_queue_is_503_with_a_time_to_come_back(tmp_path: Path) -> None:
    go = threading.Event()
    with client(tmp_path, threads=1, queue=1) as caller:
        service = caller.app.state.service  # type: ignore[attr-defined]
        blocked = service.workers.submit(lambda tools: go.wait(1200))
        answers: list[Any] = []

        def ask() -> None:
            answers.append(caller.post("/v1/classify", files=uploads(cell_image())))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until(lambda: service.admission.taken == 2)
        refused = caller.post("/v1/classify", files=uploads(cell_image()))
        assert is_problem(refused, 503, "busy") and int(refused.headers["retry-after"]) >= 1
        assert caller.get("/readyz").status_code == 200  # full, but alive
        go.set()
        for thread in threads:
            thread.join(1200)
        blocked.result(1200)
        assert [answer.status_code for answer in answers] == [200, 200]
        assert caller.post("/v1/classify", files=uploads(cell_image())).status_code == 200


def test_an_image_that_crashes_its_worker_is_a_problem_and_the_next_one_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client(tmp_path) as caller:
        with monkeypatch.context() as broken:
            broken.setattr(jobs, "load_image", fail(RuntimeError("the interpreter failed")))
            answer = caller.post("/v1/classify", files=uploads(cell_image()))
        assert answer.status_code == 500 and answer.headers["content-type"] == "application/problem+json"
        assert "RuntimeError" not in answer.text
        assert caller.post("/v1/classify", files=uploads(cell_image())).status_code == 200
        assert "thinsmear_workers_replaced_total 1" in caller.get("/metrics").text


def test_not_ready_while_a_worker_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with client(tmp_path) as caller:
        service = caller.app.state.service  # type: ignore[attr-defined]
        monkeypatch.setattr(service.workers, "longest", lambda: 1000.0)
        assert is_problem(caller.get("/readyz"), 503, "not-ready")
        assert caller.get("/healthz").status_code == 200


def test_figures_are_prometheus_text() -> None:
    metrics = Metrics()
    metrics.request("/a", "GET", 200, 0.03)
    metrics.request("/a", "BREW", 200, 7.0)
    metrics.request('a"b\\c', "GET", 500, 0.0)
    metrics.watch("things", "gauge", "Things.", lambda: 2.5)
    text = metrics.text()
    assert 'thinsmear_requests_total{route="/a",method="OTHER",status="200"} 1' in text
    assert r'route="a\"b\\c"' in text
    assert 'thinsmear_request_seconds_bucket{route="/a",le="0.05"} 1' in text
    assert 'thinsmear_request_seconds_bucket{route="/a",le="+Inf"} 2' in text
    assert 'thinsmear_request_seconds_sum{route="/a"} 7.030000' in text
    assert "# TYPE thinsmear_things gauge\nthinsmear_things 2.5\n" in text
