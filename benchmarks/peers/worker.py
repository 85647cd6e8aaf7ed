"""One peer's process: answers once and says so, then times the cells that it is told to, one line of JSON each way.

Run as ``python -m benchmarks.peers.worker``; the job comes as the first line of stdin. Each peer has a process of its
own, so that no runtime's threads, memory or crash touches another, and so that its peak memory is its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, TextIO


def serve(requests: TextIO, replies: TextIO) -> None:
    """Do the job on the first line, then what the following lines ask for, until they end."""
    document = json.loads(requests.readline())
    if document["cpu"] is not None:
        os.sched_setaffinity(0, {document["cpu"]})  # before any runtime counts its processors

    from benchmarks.peers.protocol import Job, open_peer
    from edge_runtime.core.images import load_image

    job = Job.from_json(document)
    peer = open_peer(job)
    peer.take([load_image(job.images[0])])
    first = peer.answer(0)
    about = {"runtime": peer.about.runtime, "version": peer.about.version, "threads": peer.about.threads}
    _reply(replies, {"probability": first.probability, "peak_bytes": peak_bytes(), "about": about})
    for line in requests:
        request = json.loads(line)
        if "load" in request:
            peer.take([load_image(path) for path in job.images])
            _reply(replies, {"cells": len(job.images)})
            continue
        probabilities, times = [], []
        for number in request["cells"]:
            before = time.perf_counter_ns()
            answer = peer.answer(number)
            times.append((time.perf_counter_ns() - before, answer.nanoseconds))
            probabilities.append(answer.probability)
        _reply(replies, {"probabilities": probabilities, "times": times})


def peak_bytes() -> int | None:
    """Largest resident memory of this process so far; None where the system does not tell.

    ``ru_maxrss`` would hold the parent's memory of the moment of the fork, so Linux is asked for VmHWM.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as stream:
            lines = [line.split() for line in stream]
        return next(int(words[1]) * 1024 for words in lines if words and words[0] == "VmHWM:")
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # not a Unix
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _reply(replies: TextIO, document: dict[str, Any]) -> None:
    replies.write(json.dumps(document) + "\n")
    replies.flush()


def main() -> None:
    """Keep stdout for the replies: what runtimes print goes to stderr."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.stdin, replies)


if __name__ == "__main__":
    main()
