"""Tables for the terminal and for the pages on performance, and JSON."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from .harness import Limit, Measurement, Row
from .memory import Peak
from .scaling import Growth
from .targets import Target

TITLES = {
    "activation_signatures": "Packing activations",
    "jaccard": "Exact Jaccard",
    "minhash": "Building sketches",
    "minhash_jaccard": "Comparing sketches",
    "linear_sum_assignment": "Assignment",
    "compare": "Comparing two networks",
    "align": "Aligning and merging two networks",
}
# Counters of Google Benchmark.
RATES = (("bit-pairs/s", "bit pairs"), ("items_per_second", "items"), ("bytes_per_second", "bytes"))
# Each of its ways has a column of the tables; all other packages have one column each.
BY_WAY = "torch"


@dataclass
class Results:
    """Of one run."""

    scale: str
    command: str
    machine: dict[str, object] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    peaks: list[Peak] = field(default_factory=list)
    growths: list[Growth] = field(default_factory=list)
    kernels: list[dict[str, Any]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Wrong answers of funcsim."""
        return [f"{row.benchmark}, {row.case}: {row.ours.problem}" for row in self.rows if row.ours.problem]


@dataclass(frozen=True)
class Grid:
    """A table, however it is drawn."""

    title: str
    headings: tuple[str, ...]
    lines: Sequence[tuple[str, ...]]


def seconds_text(seconds: float) -> str:
    """Three digits."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def rate_text(rate: float, unit: str) -> str:
    """With a prefix."""
    for prefix, factor in (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if rate >= factor:
            return f"{rate / factor:.3g} {prefix}{'B' if unit == 'bytes' else f' {unit}'}/s"
    return f"{rate:.3g} {unit}/s"


def time_text(measurement: Measurement) -> str:
    """With its spread, if there is one."""
    spread = "" if measurement.spread is None else f" ± {measurement.spread:.1%}"
    return seconds_text(measurement.seconds) + spread


def ratio_text(ratio: float) -> str:
    """As many digits as it is worth."""
    return f"{ratio:.2f}×" if ratio < 10 else f"{ratio:.0f}×"


def _columns(rows: Sequence[Row]) -> list[str]:
    found: dict[str, None] = {}
    for row in rows:
        for peer in row.peers:
            found[peer.name if peer.package == BY_WAY else peer.package] = None
    return list(found)


def _heading(rows: Sequence[Row], column: str) -> str:
    """Says which peers have one thread where funcsim has more."""
    shown = [(row.threads, peer) for row in rows for peer in row.peers if column in {peer.package, peer.name}]
    alone = all(peer.one_thread for _, peer in shown) and any(threads > 1 for threads, _ in shown)
    return f"{column} (one thread)" if alone else column


def _cell(row: Row, column: str) -> str:
    best = row.best(column)
    if best is None:
        of_column = [peer for peer in row.peers if column in {peer.package, peer.name}]
        return f"refused: {of_column[0].problem}" if of_column else ""
    ratio = row.ratio(column)
    ways = {peer.label for other in [row] for peer in other.peers if peer.package == column}
    way = f" ({best.label})" if len(ways) > 1 and best.label else ""
    compared = f", {ratio_text(ratio)}" if ratio is not None else ""
    return f"{seconds_text(best.seconds)}{way}{compared}"


def rows_grid(benchmark: str, rows: Sequence[Row]) -> Grid:
    """A line for each case: our time, rate and share of the limit; peers' times, and how many times ours they are."""
    columns = _columns(rows)
    with_share = any(row.share is not None for row in rows)
    headings = ["case", "funcsim", *(["rate"] if any(row.work for row in rows) else [])]
    headings += [*(["of the limit"] if with_share else []), *(_heading(rows, column) for column in columns)]
    lines = []
    for row in rows:
        line = [row.case, f"WRONG: {row.ours.problem}" if row.ours.problem else time_text(row.ours)]
        if "rate" in headings:
            line.append(rate_text(row.rate, row.unit) if row.rate else "")
        if with_share:
            line.append(f"{row.share:.2f}" if row.share is not None else "")
        lines.append((*line, *(_cell(row, column) for column in columns)))
    return Grid(TITLES.get(benchmark, benchmark), tuple(headings), lines)


def targets_grid(targets: Sequence[Target]) -> Grid:
    """Every target with what was measured."""
    lines = [
        (
            target.benchmark,
            target.text,
            target.shown,
            "" if target.got is None else f"{target.got:.3g}",
            target.verdict,
            target.where,
        )
        for target in targets
    ]
    return Grid("Targets", ("benchmark", "figure", "target", "measured", "verdict", "decided by"), lines)


def growths_grid(growths: Sequence[Growth]) -> Grid:
    """Exponents."""
    lines = [
        (
            growth.operator,
            growth.variable,
            f"{growth.exponent:.2f}",
            " ".join(map(str, growth.sizes)),
            " ".join(seconds_text(seconds).replace(" ", "\N{NO-BREAK SPACE}") for seconds in growth.seconds),
        )
        for growth in growths
    ]
    return Grid("How time grows: exponents", ("operator", "in", "exponent", "sizes", "times"), lines)


def peaks_grid(peaks: Sequence[Peak]) -> Grid:
    """Peak memory."""
    mebibyte = 2**20
    lines = [
        (
            peak.method,
            peak.how,
            str(peak.width),
            str(peak.inputs),
            f"{peak.bytes / mebibyte:.0f} MiB",
            f"{peak.bits / mebibyte:.1f} MiB",
        )
        for peak in peaks
    ]
    headings = ("method", "inputs", "width", "number of inputs", "peak above the start", "bits of both networks")
    return Grid("Peak memory of compare", headings, lines)


def limits_grid(limits: Mapping[str, Limit]) -> Grid:
    """Rooflines."""
    lines = [(limit.name, rate_text(limit.rate, limit.unit)) for _, limit in sorted(limits.items())]
    return Grid("Limits of the hardware, measured in this run", ("what", "rate"), lines)


def machine_grid(machine: Mapping[str, object]) -> Grid:
    """What it ran on."""

    def text(value: object) -> str:
        if isinstance(value, Mapping):
            return ", ".join(f"{key} {item}" for key, item in value.items())
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    return Grid(
        "Machine", ("", "value"), [(key, text(value)) for key, value in machine.items() if value not in ([], "")]
    )


def kernels_grid(kernels: Sequence[Mapping[str, Any]]) -> Grid:
    """Google Benchmark's results."""
    to_seconds = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
    lines = []
    for entry in kernels:
        rates = [rate_text(entry[key], unit) for key, unit in RATES if key in entry]
        lines.append(
            (str(entry["name"]), seconds_text(entry["real_time"] * to_seconds[entry["time_unit"]]), ", ".join(rates))
        )
    return Grid("Kernels, by Google Benchmark", ("benchmark", "time", "rate"), lines)


def grids(results: Results) -> list[Grid]:
    """All tables, targets last."""
    found = [machine_grid(results.machine), limits_grid(results.limits)]
    found += [
        rows_grid(benchmark, [row for row in results.rows if row.benchmark == benchmark])
        for benchmark in dict.fromkeys(row.benchmark for row in results.rows)
    ]
    if results.growths:
        found.append(growths_grid(results.growths))
    if results.peaks:
        found.append(peaks_grid(results.peaks))
    if results.kernels:
        found.append(kernels_grid(results.kernels))
    return [*found, targets_grid(results.targets)]


def print_grid(grid: Grid, console: Console) -> None:
    """On the terminal."""
    table = Table(title=grid.title, title_justify="left")
    for heading in grid.headings:
        table.add_column(heading, overflow="fold")
    for line in grid.lines:
        table.add_row(*line, style={"MISSED": "red", "met": "green"}.get(next(iter(set(line) & {"MISSED", "met"}), "")))
    console.print(table)


def markdown(grid: Grid) -> str:
    """As a table of a page."""

    def row(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([row(grid.headings), row("---" for _ in grid.headings), *map(row, grid.lines)])


def write_json(results: Results, file: pathlib.Path) -> None:
    """All of it, with what tables leave out."""
    content = {
        "scale": results.scale,
        "command": results.command,
        "machine": results.machine,
        "warnings": results.warnings,
        "limits": {name: dataclasses.asdict(limit) for name, limit in results.limits.items()},
        "rows": [_row_json(row) for row in results.rows],
        "growth": [dataclasses.asdict(growth) for growth in results.growths],
        "memory": [dataclasses.asdict(peak) for peak in results.peaks],
        "kernels": results.kernels,
        "targets": [dataclasses.asdict(target) | {"verdict": target.verdict} for target in results.targets],
    }
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _row_json(row: Row) -> dict[str, object]:
    def ratio(peer: Measurement) -> float | None:
        return None if row.ratio(peer.name) is None else peer.seconds / row.ours.seconds

    peers = [dataclasses.asdict(peer) | {"ratio": ratio(peer) if not peer.problem else None} for peer in row.peers]
    return dataclasses.asdict(row) | {"peers": peers, "ratio": row.ratio(), "rate": row.rate, "share": row.share}


def write_docs(results: Results, page: pathlib.Path) -> None:
    """Puts tables where the page has markers: <!-- bench: NAME --> ... <!-- end -->."""
    text = page.read_text(encoding="utf-8")
    tables = {
        "machine": machine_grid(results.machine),
        "limits": limits_grid(results.limits),
        "targets": targets_grid(results.targets),
        "scaling": growths_grid(results.growths),
        "memory": peaks_grid(results.peaks),
        "kernels": kernels_grid(results.kernels),
    }
    for benchmark in TITLES:
        tables[benchmark] = rows_grid(benchmark, [row for row in results.rows if row.benchmark == benchmark])

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name == "command":
            body = f"    {results.command}"
        elif name in tables:
            body = markdown(tables[name])
        else:
            raise ValueError(f"{page}: no table is called {name}; there are {', '.join(['command', *tables])}")
        return f"<!-- bench: {name} -->\n\n{body}\n\n<!-- end -->"

    page.write_text(re.sub(r"<!-- bench: (\w+) -->.*?<!-- end -->", fill, text, flags=re.DOTALL), encoding="utf-8")
