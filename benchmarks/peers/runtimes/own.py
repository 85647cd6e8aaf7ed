"""This program's own runtime: the classifier that the device uses."""

from __future__ import annotations

from benchmarks.harness.stopwatch import Stopwatch
from benchmarks.peers.protocol import About, Answer, Job, Peer
from edge_runtime.inspection.opening import open_classifier

PACKAGES = ("thinsmear",)


class Own(Peer):
    """Resize, table, interpreter and decision, as ``thinsmear classify`` runs them; the card in the file counts."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        classifier = open_classifier(job.model)
        self._watch = Stopwatch(classifier.interpreter)
        classifier.interpreter = self._watch
        self._classifier = classifier
        self.about = About(self._watch.name, self._watch.version, "num_threads=1")

    def answer(self, number: int) -> Answer:
        result = self._classifier.classify(self.images[number])
        return Answer(result.probability, self._watch.ended - self._watch.began)


def open_peer(job: Job) -> Peer:
    """Load the model."""
    return Own(job)
