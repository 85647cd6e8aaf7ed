"""One running server: its workers, camera, limits and figures, and how they begin and end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, TypeVar

from edge_runtime.cameras.auto import choose
from edge_runtime.inspection.opening import open_classifier
from edge_runtime.server.access.limits import Admission, RateLimit
from edge_runtime.server.access.tokens import Keys
from edge_runtime.server.live.follower import Live
from edge_runtime.server.live.readings import Glances
from edge_runtime.server.metrics import Metrics
from edge_runtime.server.problems import LOG, Problem
from edge_runtime.server.settings import Settings
from edge_runtime.server.systemd import Notifier
from edge_runtime.server.work.jobs import Tools, tools_maker
from edge_runtime.server.work.smears import Smears
from edge_runtime.server.work.workers import WorkerCrashed, Workers
from edge_runtime.sessions.store import ballast
from edge_runtime.sessions.store.opening import open_existing, open_store
from edge_runtime.sessions.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

HUNG = 90.0  # seconds for one image, then a worker counts as hung: 50 megapixels take less on the slowest board
_ENDING = 20.0  # seconds for work in hand at the end; systemd allows 30
_TICK = 0.5
_HEAVY = 3
_LOGINS = (0.1, 5.0)  # wrong tokens a second, and at once, from one address


class Service:
    """What the routes work with.

    Attributes:
        settings: of the server.
        classifier: of the first worker; others read its card only.
        admission: places for requests with images.
        logins: limit of wrong tokens.
        keys: None when no token is needed.
        smears: of the sessions that were used last.
        metrics: figures.
        workers: threads that classify.
        live: None without a camera.
        glances: None without a camera.
        heavy: held while a report or a large picture is made, so that many at a time do not fill the memory.
        ending: the server was told to end.
        stored: fields that were kept.
        port: where the server listens, known once it does.
        qr_link: what the QR code in the state folder holds.
    """

    def __init__(self, settings: Settings, notifier: Notifier | None = None) -> None:
        """Load the model and make sure of the store and the camera's name.

        Raises:
            ThinsmearError, OSError: as :func:`open_classifier`, :func:`open_store` and :func:`choose`.
        """
        self.settings = settings
        self.classifier = open_classifier(settings.model, settings.accelerator)
        # a full disk must not keep anybody from reviewing and exporting: space is looked at when a field is added
        with open_store(settings.store, create=True, min_free=0) as store:
            if store.set_aside:
                LOG.warning("%d pictures without a row were moved to quarantine; see session recover", store.set_aside)
        ballast.keep(settings.store, settings.min_free)
        # an Edge TPU runs one model at a time: more interpreters would only wait for each other
        threads = 1 if self.classifier.on_edgetpu else settings.threads
        self.workers: Workers[Tools] = Workers(
            tools_maker(settings, self.classifier), threads, lambda tools: tools.store.close()
        )
        self.admission = Admission(threads + settings.queue, 4 * settings.max_upload, self.workers.expected_wait)
        self.logins = RateLimit(*_LOGINS)
        self.keys = Keys(settings.token, signed_out=settings.private / "signed-out") if settings.token else None
        self.smears = Smears()
        self.metrics = Metrics()
        self.heavy = threading.BoundedSemaphore(_HEAVY)
        self.ending = False
        self.stored = 0
        self.port = settings.port
        self.qr_link = ""
        self.live = None
        self.glances = None
        if settings.camera is not None:
            self.live = Live(choose(settings.camera, settings.size), self._is_busy)
            self.glances = Glances(self.live, self._is_busy)
        self._warming = threading.Lock()
        self._notifier = notifier or Notifier(None, None)
        self._begun = time.time()
        self._watch()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Threads run within the block; at its end work in hand is finished and stored."""
        await asyncio.to_thread(self.workers.start)
        if self.live is not None and self.glances is not None:
            self.live.start()
            self.glances.start()
        beating = asyncio.ensure_future(self._beat())
        try:
            yield
        finally:
            self.end()
            beating.cancel()
            await asyncio.to_thread(self._close)

    def end(self) -> None:
        """Take no more work; live views end by themselves. Safe in a signal handler."""
        self.ending = True
        self.admission.closed = True

    async def run(self, job: Callable[[Tools], Result]) -> Result:
        """Have a worker do a job; it is done even when the one who asked for it goes away.

        Raises:
            Problem: 500, the job ended its worker; 503, the server is ending.
        """
        try:
            return await asyncio.shield(asyncio.wrap_future(self.workers.submit(job)))
        except WorkerCrashed as error:
            raise Problem(
                500, "worker-crashed", "The program failed on this image; a new worker has taken over."
            ) from error

    def is_ready(self) -> tuple[bool, str]:
        """Whether work would be done, and why not."""
        if self.ending:
            return False, "The server is ending."
        if not self.workers.alive:
            return False, "No worker is running."
        if self.workers.longest() > HUNG:
            return False, "A worker hangs."
        return True, ""

    def open_store(self) -> Store:
        """A connection to the store for the thread that asks."""
        return open_existing(self.settings.store, min_free=self.settings.min_free)

    def _is_busy(self) -> bool:
        return self.workers.busy > 0

    def warm(self, code: str) -> None:
        """Recall a session's stored fields before the next capture needs them; one session at a time."""
        if not self.smears.knows(code) and self._warming.acquire(blocking=False):
            threading.Thread(target=self._recall, args=(code,), name="recall", daemon=True).start()

    def _recall(self, code: str) -> None:
        try:
            with self.open_store() as store, self.smears.using(store.session(code)) as smear:
                smear.recall(store)
        except Exception as error:  # the capture will say it
            LOG.debug("the fields of a session cannot be recalled: %s", error)
        finally:
            self._warming.release()

    async def _beat(self) -> None:
        """Signs of life for systemd: from the event loop that answers requests, while the workers get on."""
        while True:
            try:
                if self.workers.alive and self.workers.longest() < HUNG:
                    self._notifier.beat()
            except Exception:  # a beat that ended for good would have systemd end a server that works
                LOG.exception("a sign of life failed; the next one comes soon")
            await asyncio.sleep(_TICK)

    def _close(self) -> None:
        if self.glances is not None:
            self.glances.close()
        self.workers.close(_ENDING)
        if self.live is not None:
            self.live.close()

    def _watch(self) -> None:
        watch, workers, admission = self.metrics.watch, self.workers, self.admission
        watch("start_time_seconds", "gauge", "When the server began, seconds since 1970.", lambda: self._begun)
        watch("workers", "gauge", "Threads that classify.", lambda: workers.alive)
        watch("workers_busy", "gauge", "Workers with a job in hand.", lambda: workers.busy)
        watch("workers_replaced_total", "counter", "Workers replaced after a crash.", lambda: workers.replaced)
        watch("jobs_waiting", "gauge", "Jobs that no worker has taken yet.", lambda: workers.waiting)
        watch("jobs_done_total", "counter", "Jobs finished.", lambda: workers.done)
        watch("places_taken", "gauge", "Requests with images in progress.", lambda: admission.taken)
        watch("places", "gauge", "Requests with images that are taken in at a time.", lambda: admission.places)
        watch(
            "refused_total",
            "counter",
            "Requests answered 503 because all places were taken.",
            lambda: admission.refused,
        )
        watch("upload_bytes_held", "gauge", "Bytes of uploads in memory.", lambda: admission.held)
        watch("fields_stored_total", "counter", "Fields kept in sessions.", lambda: self.stored)
        live = self.live
        if live is not None:
            watch("camera_up", "gauge", "Whether the camera gives pictures.", lambda: float(live.state == "live"))
            watch("camera_frames_total", "counter", "Frames from the camera.", lambda: live.received)
            watch("camera_damaged_total", "counter", "Frames that arrived damaged.", lambda: live.damaged)
            watch("live_pictures_total", "counter", "Live pictures encoded.", lambda: live.encoded)
            watch("live_viewers", "gauge", "Live views in progress.", lambda: live.viewers)
