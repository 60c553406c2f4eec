"""Time and memory of each measure on two larger networks, each in a fresh process.

That is ``python -m evaluation.costs MEASURE WIDTH INPUTS``, with the number of the measure.
"""

import json
import pathlib
import re
import subprocess
import sys
import time

import torch
from torch import nn

from benchmarks.report import Grid

from . import plots
from .measures import MEASURES, bytes_of
from .run import Experiment, Row, Rows, Run, Table
from .settings import ROOT
from .statistics import text

FEATURES, DEPTH = 784, 3


def _mlp(width: int, seed: int) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for features in (FEATURES, *[width] * (DEPTH - 1)):
            layers += [nn.Linear(features, width), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(width, 10)).eval().requires_grad_(False)


def _status(field: str) -> int:
    text = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def measure_here(index: int, width: int, inputs: int) -> Row:
    """Seconds and bytes of one measure in this process."""
    measure = MEASURES[index]
    a, b = (_mlp(width, seed) for seed in (1, 2))
    x = torch.randn(inputs, FEATURES, generator=torch.Generator().manual_seed(0))
    small = [measure.record(_mlp(32, seed), x[:100]) for seed in (1, 2)]  # starts threads, loads libraries
    measure.scores(*small)
    pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forget the peak so far
    before = _status("VmRSS")
    start = time.perf_counter()
    records = [measure.record(model, x) for model in (a, b)]
    recorded = time.perf_counter()
    measure.scores(*records)
    compared = time.perf_counter()
    return {
        "measure": ", ".join(measure.names),
        "record seconds": (recorded - start) / 2,
        "compare seconds": compared - recorded,
        "kept": bytes_of(records[0]),
        "peak": _status("VmHWM") - before,
        "width": width,
        "inputs": inputs,
        "threads": torch.get_num_threads(),
    }


def measure(run: Run) -> list[Row]:
    """Each measure, one after the other, in turns."""
    width, inputs = run.settings.pick((1024, 10_000), (256, 5000), (32, 200))
    rows = []
    for repeat in range(run.settings.pick(3, 1, 1)):
        for index in range(len(MEASURES)):
            command = [sys.executable, "-m", "evaluation.costs", str(index), str(width), str(inputs)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stderr}")
            rows.append({"repeat": repeat} | json.loads(done.stdout))
    return rows


def tables(rows: Rows) -> list[Table]:
    """A line for each measure."""
    lines = []
    for name in dict.fromkeys(row["measure"] for row in rows):
        chosen = [row for row in rows if row["measure"] == name]
        lines.append(
            (
                name,
                f"{1e3 * min(row['record seconds'] for row in chosen):.0f}",
                f"{1e3 * min(row['compare seconds'] for row in chosen):.0f}",
                f"{chosen[0]['kept'] / 2**20:.1f}",
                text([row["peak"] / 2**20 for row in chosen], 0),
            )
        )
    first = rows[0]
    shape = "-".join(map(str, (FEATURES, *[first["width"]] * DEPTH, 10)))
    title = f"Two networks {shape}, {first['inputs']} inputs, {first['threads']} threads"
    headings = ("measure", "record a network, ms", "compare two, ms", "kept of a network, MiB", "peak memory, MiB")
    return [Table("costs", Grid(title, headings, lines))]


def draw(rows: Rows, folder: pathlib.Path) -> None:
    """Time and memory side by side."""
    plots.draw_costs(rows, folder / "costs.svg")


EXPERIMENT = Experiment("costs", "Time and memory", measure, tables, draw)

if __name__ == "__main__":
    print(json.dumps(measure_here(*map(int, sys.argv[1:]))))
