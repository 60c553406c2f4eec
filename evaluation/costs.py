"""Time and memory of each measure, and of aligning, on two larger networks, each in a fresh process.

That is ``python -m evaluation.costs WHAT WIDTH INPUTS``, with the number of a measure or the name of a similarity.
"""

import json
import pathlib
import re
import subprocess
import sys
import time

import funcsim
import torch
from torch import nn

from benchmarks.report import Grid

from . import plots
from .measures import MEASURES, bytes_of
from .run import Experiment, Row, Rows, Run, Table
from .settings import ROOT
from .statistics import text

FEATURES, DEPTH = 784, 3
SIMILARITIES = ("jaccard", "phi", "correlation", "weights")


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


def _forget_peak() -> int:
    """Of memory, so far. Bytes that the process has now."""
    pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _status("VmRSS")


def align_here(similarity: str, width: int, inputs: int) -> Row:
    """Seconds and bytes of aligning two networks in this process."""
    a, b = (_mlp(width, seed) for seed in (1, 2))
    x = torch.randn(inputs, FEATURES, generator=torch.Generator().manual_seed(0))
    # Starts threads, loads libraries.
    funcsim.align(_mlp(32, 1), _mlp(32, 2), x[:100], similarity=similarity, rescale=True)
    before = _forget_peak()
    start = time.perf_counter()
    funcsim.align(a, b, x, similarity=similarity, rescale=True)
    seconds = time.perf_counter() - start
    return {"align": similarity, "seconds": seconds, "peak": _status("VmHWM") - before} | _setting(width, inputs)


def _setting(width: int, inputs: int) -> Row:
    return {"width": width, "inputs": inputs, "threads": torch.get_num_threads()}


def measure_here(index: int, width: int, inputs: int) -> Row:
    """Seconds and bytes of one measure in this process."""
    measure = MEASURES[index]
    a, b = (_mlp(width, seed) for seed in (1, 2))
    x = torch.randn(inputs, FEATURES, generator=torch.Generator().manual_seed(0))
    small = [measure.record(_mlp(32, seed), x[:100]) for seed in (1, 2)]  # starts threads, loads libraries
    measure.scores(*small)
    before = _forget_peak()
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
    } | _setting(width, inputs)


def measure(run: Run) -> list[Row]:
    """Each measure, one after the other, in turns."""
    width, inputs = run.settings.pick((512, 10_000), (256, 5000), (32, 200))
    everything = [*map(str, range(len(MEASURES))), *SIMILARITIES]
    rows = []
    for repeat in range(run.settings.pick(3, 1, 1)):
        for what in run.settings.pick(everything, everything, [everything[0], everything[-1]]):
            command = [sys.executable, "-m", "evaluation.costs", what, str(width), str(inputs)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stderr}")
            rows.append({"repeat": repeat} | json.loads(done.stdout))
    return rows


def tables(rows: Rows) -> list[Table]:
    """A line for each measure, and for each way to align."""
    lines = []
    for name in dict.fromkeys(row["measure"] for row in rows if "measure" in row):
        chosen = [row for row in rows if row.get("measure") == name]
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
    found = [Table("costs", Grid(title, headings, lines))]
    aligned = []
    for name in dict.fromkeys(row["align"] for row in rows if "align" in row):
        chosen = [row for row in rows if row.get("align") == name]
        fastest = min(row["seconds"] for row in chosen)
        aligned.append((name, f"{1e3 * fastest:.0f}", text([row["peak"] / 2**20 for row in chosen], 0)))
    columns = ("matching", "align, ms", "peak memory, MiB")
    return [*found, Table("costs_align", Grid(f"align, {title[0].lower()}{title[1:]}", columns, aligned))]


def draw(rows: Rows, folder: pathlib.Path) -> None:
    """Time and memory side by side."""
    plots.draw_costs([row for row in rows if "measure" in row], folder / "costs.svg")


EXPERIMENT = Experiment("costs", "Time and memory", measure, tables, draw)

if __name__ == "__main__":
    what, *sizes = sys.argv[1:]
    print(
        json.dumps(measure_here(int(what), *map(int, sizes)) if what.isdigit() else align_here(what, *map(int, sizes)))
    )
