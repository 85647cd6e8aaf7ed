"""Small documents of every kind of benchmark, with the fields that the benchmarks write."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from benchmarks.counting.coverage import CoverageGrid, CoveragePoint
from benchmarks.harness.annotations import STAGES
from benchmarks.harness.envelope import envelope
from benchmarks.harness.machine import read_machine
from benchmarks.harness.percentiles import summarise
from benchmarks.models.models import ModelResult
from benchmarks.peers import rounds
from benchmarks.quantisation.variants import Variant, VariantResult

MS = 1_000_000


def summary(milliseconds: float = 2.0) -> dict[str, Any]:
    return summarise([int(milliseconds * MS * (1 + n / 1000)) for n in range(100)]).to_json()


def latency() -> dict[str, Any]:
    thread = {
        "threads": 1,
        "latency": {"init_ms": 5.0, "warmup_first_ms": 3.0, **summary()},
        "stages": {name: summary(0.5) for name in ("decode", "preprocess", "infer", "decide")},
        **{name: summary(3.0) for name in ("file", "array", "bare", "bare_file")},
        "ratios": {"file": 1.05, "array": 1.07},
        "seconds": 130.0,
        "temperature": {"before": 48.0, "after": 60.0, "highest": 61.0},
        "throttled": {"before": 0, "after": 0, "flags_before": [], "flags_after": []},
        "governor": {"before": "ondemand", "after": "ondemand", "driver": "cpufreq-dt"},
        "energy": {
            "watts": 5.0,
            "idle_watts": 2.5,
            "readings": 120,
            "millijoules": 15.0,
            "millijoules_above_idle": 7.5,
        },
        "minutes": [{"minute": 1, "median_ms": 2.0, "ratio": 1.0}, {"minute": 2, "median_ms": 2.1, "ratio": 1.05}],
        "verdict": {"result": "VALID", "conditions": [{"name": "Not throttled", "met": None, "detail": "unknown"}]},
    }
    started = {"median_ms": 300.0, "min_ms": 290.0, "max_ms": 310.0, "peak_mib": 59.0, "num_runs": 3}
    model = {
        "path": "models/a|b.tflite",
        "model": "0123456789ab",
        "flatbuffer": "ba9876543210",
        "bytes": 2_795_371,
        "input": [128, 128],
        "units": {"edgetpu": 0, "cpu": 67},
        "cold_start": {"classify": started, "bare": {**started, "peak_mib": None}, "ratio": 1.5},
        "threads": [thread],
        "pools": [{"interpreters": 2, "cells_per_second": 900.0, "ratio": 1.8, "ceiling": 1.9}],
    }
    runtime = {"name": "ai_edge_litert", "version": "2.3.0"}
    return envelope("latency", {"preset": "soak", "runtime": runtime, "models": [model], "result": "VALID"})


def peers(auc: float | None = 0.99) -> dict[str, Any]:
    def row(name: str, precision: str, milliseconds: float, area: float | None) -> dict[str, Any]:
        found = summarise([int(milliseconds * MS)] * 8)
        return rounds.PeerResult(
            name, precision, "a file", None, "runtime of " + name, "1.0", "one", 1000, found, found, milliseconds / 2,
            (1.0, 3.0), 300.0, 60.0, 10**8, ("numpy",), None if area is None else 0.97, area, 1.0,
        ).to_json()  # fmt: skip

    failed = rounds.PeerResult("OpenVINO", "int8", "a file", error="the package openvino is missing")
    cells = {"number": 8, "patients": None, "origin": "cells of the data", "parasitized": 4}
    rows = [row("thinsmear", "int8", 2.0, auc), row("Keras predict", "float32", 40.0, auc), failed.to_json()]
    return envelope(
        "peers",
        {
            "model": "0123456789ab",
            "preset": "quick",
            "cells": cells,
            "rounds": 1,
            "block": 8,
            "cpu": None,
            "rows": rows,
        },
    )


def accuracy() -> dict[str, Any]:
    good = VariantResult(
        Variant("int8", size=300), 2_000_000, 0.97, -0.001, 0.99, 0.0, 0.96, 0.02, 0.99, 0.05, 1.2, "PASSED"
    )
    rows = [asdict(good), asdict(VariantResult(Variant("int4"), error="cannot be converted"))]
    figures = {"run": "run", "cells": 100, "patients": 5, "float": {"accuracy": 0.97, "auc": 0.99}}
    return envelope("accuracy", {**figures, "rows": rows})


def training() -> dict[str, Any]:
    results = [
        {"name": name, "seconds": seconds, "test_auc": 0.99, "test_accuracy": 0.95}
        for name, seconds in (("generator", 90.0), ("ours", 45.0))
    ]
    cells = {"train": 80, "val": 10, "test": 10}
    return envelope(
        "training", {"network": {}, "recipe": {"looks": 2}, "cells": cells, "results": results, "speedup": 2.0}
    )


def fields() -> dict[str, Any]:
    some = {"cells": 9, "interval": [0.6, 0.98]}
    reached = {"cells": 10, "review": some, "count": some}
    return envelope(
        "fields",
        {
            "model": "0123456789ab",
            "fields": 3,
            "accepted": 2,
            "iou": 0.5,
            "precision": 0.95,
            "recall": 0.9,
            "f1": 0.92,
            "f1_with_border": 0.91,
            "auc": None,
            "infected": {"cells": 10, "found": 9, "interval": [0.6, 0.98]},
            "stages": {"ring": {"cells": 10, "found": 9, "auc": None}},
            "by_iou": [{"iou": 0.5, "precision": 0.95, "recall": 0.9, "f1": 0.92, "infected_found": 9, "infected": 10}],
            "time": {
                "field_ms": 400.0,
                "segment_ms": 90.0,
                "floor_ms": 300.0,
                "ratio": 1.3,
                "stages_ms": {"decode": 20.0},
            },
            "gap": [
                {
                    "step": "raw",
                    "says": "annotated box as it is",
                    "auc": 0.94,
                    "infected": reached,
                    "red_cells": reached,
                    "stages": {stage: {"auc": None, **reached} for stage in STAGES},
                }
            ],
            "sizes": [{"width": 640, "height": 480, "cells": 90, "field_ms": 300.0}],
            "threads": [
                {
                    "threads": 1,
                    "field_ms": 400.0,
                    "fields_per_second": 2.5,
                    "field_gain": 1.0,
                    "fields_gain": 1.0,
                    "bare_gain": 1.0,
                }
            ],
        },
    )


def counting() -> dict[str, Any]:
    points = (
        CoveragePoint("0.2 %", True, 1000, 5.0, 0.96, 0.02, 0.02, 1.5),
        CoveragePoint("8 slides", False, 1000, 5.0, 0.9, 0.05, 0.05, 1.5),
    )
    return envelope("counting", CoverageGrid(points, 300, 2000, 0, 0.96, 0.96, 0.95).to_json())


def slides() -> dict[str, Any]:
    setting = {
        "truth": "fitted",
        "mean": 0.002,
        "spread": 0.8,
        "known_from": "healthy patients",
        "slides": 25,
        "cells": 1715,
    }
    point = {
        "setting": 0, "level": 5000.0, "counted": 5000, "slides": 200, "detected": 150, "detected_low": 0.68,
        "detected_high": 0.81, "least_patient": 0.5, "called": 12.0, "estimate": 5200.0, "bias": 200.0,
        "unclipped_bias": 100.0, "held": 191, "held_low": 0.92, "held_high": 0.98, "low": 900.0, "high": 9000.0,
        "limit": None,
    }  # fmt: skip
    held_out = {
        "point": 0.9,
        "infected": [{"called": 80, "cells": 100}, {"called": 90, "cells": 100}],
        "healthy": [{"called": 0, "cells": 70}],
        "left_out": 1,
        "sources": ["run"],
        "sensitivity": 0.85,
    }
    blanks = {
        "mean": 0.002,
        "spread": 0.8,
        "spread_known": False,
        "positives": 3,
        "cells": 1715,
        "patients": 25,
        "not_excluded": {"0": 0.004, "1": 0.006},
        "upper": 0.006,
    }
    return envelope(
        "slides",
        {"held_out": held_out, "blanks": blanks, "settings": [setting], "points": [point], "draws": 2000, "seed": 0},
    )


def review() -> dict[str, Any]:
    def spread(median: float) -> dict[str, float]:
        return {"median": median, "p90": 2 * median}

    interval = {
        "share": 0.001, "rule": "clean-run", "controls": 10, "slides": 440, "looked": spread(144), "unsaid": 0, "coverage": 0.96,
        "coverage_low": 0.93, "coverage_high": 0.98, "least_slide": 0.8, "width": 1.04, "bias": 0.02,
    }  # fmt: skip
    prevalence = {
        "share": 0.001,
        "slides": 440,
        "with_infected": 436,
        "to_find": [{"found": found, **spread(50)} for found in (0.9, 0.95, 0.99)],
        "review_point": spread(1600),
        "looked": spread(144),
        "shows_one": 0.98,
        "found": [0.0, 0.7, 0.9],
    }
    plan = {
        "replicates": 440, "seed": 0, "review_point": 0.1, "counted": 5000, "shares": [0.001], "controls": [3, 5, 10],
        "curve": {"source": "other-laboratories", "slides": 11},
    }  # fmt: skip
    return envelope(
        "review",
        {
            "model": "0123456789ab",
            "fields": {"read": 90, "accepted": 89},
            "slides": [{"infected": 13, "healthy": 880, "unseen": 1}] * 11,
            "counted": 5000,
            "page": 24,
            "run": 96,
            "red_cells_per_microlitre": 5e6,
            "plan": plan,
            "capture": {"tops": [0.01, 0.1], "kinds": [{"kind": "all", "cells": 143, "shares": [0.85, 0.99]}]},
            "looked_axis": [0, 24, 600],
            "prevalences": [prevalence],
            "intervals": [interval, {**interval, "controls": None, "coverage": None, "width": None, "bias": None}],
            "limits": {"counted": 5000, "review": 0.00065, "review_point": 0.0006, "machine": None},
        },
    )


def candidates() -> dict[str, Any]:
    cost = {
        "name": "mobilenet_v2 0.35 80",
        "bytes": 681_000,
        "parameters": 600_000,
        "milliseconds": 0.29,
        "ratio": 0.23,
    }
    return envelope("candidates", {"preset": "quick", "candidates": [cost]})


def models(patients: int | None = 10) -> dict[str, Any]:
    def estimate(value: float, half: float = 0.01) -> dict[str, Any]:
        return {"value": value, "low": value - half, "high": value + half}

    first = ModelResult(
        "default", "0123456789ab", 2_795_447, (128, 128), None, 2.35, (2.34, 2.36), 1.0, None, estimate(0.977),
        estimate(0.9948, 0.004), estimate(0.976), estimate(0.016), {"mean": 0.0101, "p95": 0.015}, None, True,
    )  # fmt: skip
    second = replace(
        first, name="fast", bytes=781_015, input=(64, 64), milliseconds=0.57, ratio=0.242, ratio_interval=(0.24, 0.245),
        difference={"accuracy": estimate(-0.00066, 0.003), "auc": estimate(0.0104, 0.0005)},
    )  # fmt: skip
    return envelope(
        "models",
        {
            "preset": "quick",
            "cells": {"number": 1507, "parasitized": 826, "patients": patients, "part": "test"},
            "interval": {
                "resampled": "images" if patients is None else "patients",
                "level": 0.95,
                "replicates": 2000,
                "seed": 0,
            },
            "specificity": 0.975,
            "runtime": {"name": "ai_edge_litert", "version": "2.3.0"},
            "rounds": 100,
            "models": [one.to_json() for one in (first, second, ModelResult("old", error="it has no card."))],
            "warnings": ["Patients are few (10), so the intervals are rough."],
        },
    )


def recipes() -> dict[str, Any]:
    names = ("accuracy", "auc", "sensitivity_at_specificity_0.975", "brier", "ece")
    figures = {name: {"mean": 0.975, "by_seed": [0.97, 0.98]} for name in names}
    apart = {name: {"value": 0.01, "low": -0.01, "high": 0.02, "lower_bound": -0.005} for name in names}
    row = {"network": {"arch": "mobilenet_v2"}, "recipe": {"rate": 0.001}, "seeds": [0, 1], "figures": figures}
    return envelope(
        "recipes",
        {
            "cells": {"number": 6621, "parasitized": 3500, "patients": 43, "part": "train"},
            "folds": {"number": 2, "judged": 1},
            "specificity": 0.975,
            "interval": {"resampled": "patients", "level": 0.95, "replicates": 2000},
            "recipes": [
                {**row, "name": "plain", "options": "", "teacher_weight": None, "difference": None},
                {**row, "name": "fast", "options": "--rate 0.001", "teacher_weight": 0.5, "difference": apart},
            ],
        },
    )


ALL = {
    "latency": latency,
    "peers": peers,
    "accuracy": accuracy,
    "training": training,
    "fields": fields,
    "counting": counting,
    "slides": slides,
    "review": review,
    "candidates": candidates,
    "models": models,
    "recipes": recipes,
}


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The same without one field."""
    return {key: value for key, value in document.items() if key != name}


def machine() -> str:
    """The processor of this machine, as documents name it."""
    return read_machine().processor or "unknown processor"
