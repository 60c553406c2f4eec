"""What the hardware can do, measured in the run that is compared with it."""

import json
import os
import pathlib
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .harness import Contestant, Effort, Limit, measure
from .machine import ROOT

# Benchmarks of benchmarks/kernels/rooflines_benchmark.cpp: what they measure, and which counter has it.
COUNTED = {
    "popcount_roofline": ("popcount", "bit-pairs/s"),
    "memory_read": ("memory read", "bytes_per_second"),
    "memory_copy": ("memory copy", "bytes_per_second"),
    "cache_copy": ("cache copy", "bytes_per_second"),
    "slot_roofline": ("slot comparison", "slots/s"),
    "int32_slot_roofline": ("slot comparison by int32", "slots/s"),
}
UNITS = {"bit-pairs/s": "bit pairs", "bytes_per_second": "bytes", "slots/s": "slots"}
UNIT_OF = {kind: UNITS[counter] for kind, counter in COUNTED.values()}
# All others are of the memory, which threads share.
OF_EACH_THREAD = ("popcount", "cache copy", "slot comparison", "slot comparison by int32")
PATTERN = f"^({'|'.join(COUNTED)})"
COPIED_MIB = 256


def executable(name: str = "kernel_benchmarks") -> pathlib.Path:
    """The C++ benchmarks."""
    return pathlib.Path(os.environ.get("FUNCSIM_BUILD_DIR", ROOT / "build")) / "benchmarks" / "kernels" / name


def run_kernel_benchmarks(pattern: str, seconds: float, repetitions: int = 3) -> dict[str, Any]:
    """Google Benchmark's own JSON."""
    command = [
        str(executable()),
        f"--benchmark_filter={pattern}",
        "--benchmark_format=json",
        f"--benchmark_min_time={seconds}",
        f"--benchmark_repetitions={repetitions}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr}")
    # Without a benchmark that the pattern fits it says so in place of JSON.
    found: dict[str, Any] = json.loads(done.stdout) if done.stdout.lstrip().startswith("{") else {"benchmarks": []}
    return found


def best_rates(report: Mapping[str, Any]) -> dict[tuple[str, int], float]:
    """The highest rate of each kind of roofline and number of threads."""
    rates: dict[tuple[str, int], float] = {}
    for entry in report["benchmarks"]:
        if entry.get("run_type") == "aggregate":
            continue
        kind, counter = COUNTED.get(str(entry["name"]).split("/", maxsplit=1)[0], ("", ""))
        if counter in entry:
            key = kind, int(entry.get("threads", 1))
            rates[key] = max(rates.get(key, 0.0), float(entry[counter]))
    return rates


def limits_of(rates: Mapping[tuple[str, int], float], threads: int) -> dict[str, Limit]:
    """For one thread and for all. Where one alone was measured, n threads that share nothing would do n times that."""
    limits = {}
    for kind in {kind for kind, _ in rates}:
        alone = rates.get((kind, 1))
        if alone is None:
            continue
        unit = UNIT_OF[kind]
        limits[f"{kind}, 1 thread"] = Limit(f"{kind}, 1 thread", alone, unit)
        if kind not in OF_EACH_THREAD:
            continue
        together, name = rates.get((kind, threads)), f"{kind}, {threads} threads"
        shared = (name, together) if together else (f"{threads} × {kind}, 1 thread", threads * alone)
        limits[kind] = Limit(*shared, unit)
    return limits


def with_numpy(effort: Effort, mebibytes: int = COPIED_MIB) -> dict[str, Limit]:
    """Reading and copying memory on one thread, in bytes read."""
    source = np.ones(mebibytes * 2**18, np.float32)
    copy = np.zeros_like(source)
    ways: dict[str, Callable[[], object]] = {
        "numpy copy": lambda: np.copyto(copy, source),
        "numpy sum": source.sum,
    }
    seconds, _ = measure([Contestant("numpy", call) for call in ways.values()], effort)
    return {name: Limit(name, source.nbytes / min(times)) for name, times in zip(ways, seconds, strict=True)}


def measure_all(threads: int, effort: Effort) -> tuple[dict[str, Limit], dict[str, Any]]:
    """Limits by name, and what Google Benchmark says of its run."""
    limits = with_numpy(effort)
    if not executable().exists():
        return limits, {}
    time.sleep(0.1)  # for the threads of the last to end
    report = run_kernel_benchmarks(PATTERN, max(effort.budget / 10, 0.02))
    return limits | limits_of(best_rates(report), threads), report.get("context", {})


def names_of_kernels(pattern: str) -> list[str]:
    """The C++ benchmarks that a pattern of Google Benchmark's fits."""
    command = [str(executable()), f"--benchmark_filter={pattern}", "--benchmark_list_tests"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def kernels(scale_seconds: float, *, one_of_each: bool) -> list[dict[str, Any]]:
    """All C++ benchmarks, or one size of each, without the rooflines: the fastest repetition."""
    pattern = f"-{PATTERN}"
    if one_of_each:
        first = {name.split("/", maxsplit=1)[0]: name for name in reversed(names_of_kernels(pattern))}
        pattern = f"^({'|'.join(first.values())})$"
    fastest: dict[str, dict[str, Any]] = {}
    for entry in run_kernel_benchmarks(pattern, scale_seconds, 1 if one_of_each else 2)["benchmarks"]:
        if entry.get("run_type") == "aggregate":
            continue
        name = re.sub(r"/repeats:\d+", "", str(entry["name"]))
        if name not in fastest or entry["real_time"] < fastest[name]["real_time"]:
            fastest[name] = entry
    return list(fastest.values())
