"""One run: machine, limits, benchmarks, targets, reports."""

import argparse
import pathlib
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence

import torch
from rich.console import Console

from . import (
    activation_signatures,
    compare,
    jaccard,
    linear_sum_assignment,
    machine,
    memory,
    minhash,
    minhash_jaccard,
    plots,
    report,
    rooflines,
    scaling,
)
from .harness import Row
from .report import Results
from .settings import Settings
from .targets import Target

PAGE = machine.ROOT / "docs" / "performance.md"
FIGURES = machine.ROOT / "docs" / "performance"

RACES: dict[str, tuple[Callable[[Settings], Iterator[Row]], Callable[[Sequence[Row]], list[Target]]]] = {
    module.NAME: (module.run, module.targets)
    for module in (activation_signatures, jaccard, minhash, minhash_jaccard, linear_sum_assignment, compare)
}
KERNELS = "kernels"
BENCHMARKS = (*RACES, scaling.NAME, memory.NAME, KERNELS)

BUSY = 3
WRONG = 1


def run_session(options: argparse.Namespace, dropped: list[str]) -> int:
    """Exit status: 0, 1 for a wrong answer, 2 for bad options, 3 where the machine was too busy to write the docs."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    if options.list:
        console.print("\n".join(BENCHMARKS))
        return 0
    unknown = [name for name in options.only if name not in BENCHMARKS]
    if unknown:
        print(f"./run bench: no benchmark {unknown[0]!r}. There are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    if options.write_docs and options.only:
        print("./run bench: --write-docs takes a run of all benchmarks, not of some", file=sys.stderr)
        return 2
    torch.set_num_threads(options.threads)
    command = f"./run bench {shlex.join(_shown_options(options))}".strip()
    results = Results(options.scale, command)
    _warn_beforehand(results, options, dropped, console)
    watch = machine.Watch.start()
    _measure(results, options, dropped, console)
    foreign = watch.foreign_share()
    if foreign > machine.MOST_FOREIGN:
        _warn(
            results, f"Other processes had {foreign:.0%} of the processors during the run: figures are noise.", console
        )
    results.machine["others' share of the processors"] = f"{foreign:.1%}"
    for grid in report.grids(results):
        report.print_grid(grid, console)
    output = options.output or machine.ROOT / "build" / "bench"
    _write(results, output, console)
    for warning in results.warnings:
        console.print(f"[bold yellow]{warning}")
    for problem in results.problems:
        console.print(f"[bold red]WRONG ANSWER: {problem}")
    if results.problems:
        return WRONG
    if options.write_docs:
        if foreign > machine.MOST_FOREIGN and not options.even_if_busy:
            console.print("[bold red]docs/performance.md is left as it was: run this when nothing else does.")
            return BUSY
        _write_docs(results, console)
    return 0


def _shown_options(options: argparse.Namespace) -> list[str]:
    scale = [] if options.scale == "full" else [f"--{options.scale}"]
    threads = [] if options.threads == machine.available_cores() else ["--threads", str(options.threads)]
    return [*options.only, *scale, *threads]


def _warn(results: Results, text: str, console: Console) -> None:
    results.warnings.append(text)
    console.print(f"[bold yellow]{text}")


def _warn_beforehand(results: Results, options: argparse.Namespace, dropped: list[str], console: Console) -> None:
    if dropped:
        console.print(
            f"Dropped {', '.join(dropped)}: what pins a library to another processor's kernels slows peers down."
        )
    if options.threads > machine.available_cores():
        _warn(results, f"{options.threads} threads on {machine.available_cores()} cores wait for each other.", console)
    busy = machine.foreign_share_now()
    if busy > machine.MOST_FOREIGN:
        _warn(results, f"Other processes have {busy:.0%} of the processors: figures will be noise.", console)


def _measure(results: Results, options: argparse.Namespace, dropped: list[str], console: Console) -> None:
    effort = Settings(options.scale, options.threads).effort
    results.limits, context = rooflines.measure_all(options.threads, effort)
    results.machine = machine.describe(options.threads, str(context.get("simd_level", "unknown")), dropped)
    settings = Settings(options.scale, options.threads, results.limits)
    chosen = options.only or BENCHMARKS
    for name, (run, targets) in RACES.items():
        found: list[Row] = []
        if name in chosen:
            for row in run(settings):
                found.append(row)
                console.print(_progress(row), highlight=False)
        results.rows += found
        results.targets += targets(found)
    if scaling.NAME in chosen:
        for growth in scaling.run(settings):
            results.growths.append(growth)
            console.print(f"{growth.operator}: time ~ {growth.variable}^{growth.exponent:.2f}", highlight=False)
    results.targets += scaling.targets(results.growths)
    if memory.NAME in chosen:
        for peak in memory.run(settings):
            results.peaks.append(peak)
            console.print(
                f"memory, {peak.method}, {peak.how}, {peak.inputs} inputs: {peak.bytes >> 20} MiB", highlight=False
            )
    results.targets += memory.targets(results.peaks)
    if KERNELS in chosen and rooflines.executable().exists():
        results.kernels = rooflines.kernels(settings.pick(0.001, 0.02, 0.1))


def _progress(row: Row) -> str:
    ratio = row.ratio()
    best = row.best()
    if row.ours.problem:
        compared = f"WRONG: {row.ours.problem}"
    elif ratio is not None and best is not None:
        compared = f"{report.ratio_text(ratio)} the speed of {best.name}"
    else:
        compared = "no peer"
    refused = "".join(f"; {peer.name} refused: {peer.problem}" for peer in row.peers if peer.problem)
    return f"{row.benchmark}, {row.case}: {report.seconds_text(row.ours.seconds)}, {compared}{refused}"


def _write(results: Results, output: pathlib.Path, console: Console) -> None:
    output.mkdir(parents=True, exist_ok=True)
    report.write_json(results, output / "results.json")
    tables = "\n\n".join(f"## {grid.title}\n\n{report.markdown(grid)}" for grid in report.grids(results))
    (output / "tables.md").write_text(f"# {results.command}\n\n{tables}\n", encoding="utf-8")
    _draw(results, output)
    console.print(f"{output / 'results.json'}, tables.md, ratios.svg, peak-memory.svg", highlight=False)


def _draw(results: Results, folder: pathlib.Path) -> None:
    if results.rows:
        plots.draw_ratios(results.rows, folder / "ratios.svg")
    if results.peaks:
        plots.draw_peaks(results.peaks, folder / "peak-memory.svg")


def _write_docs(results: Results, console: Console) -> None:
    report.write_docs(results, PAGE)
    FIGURES.mkdir(exist_ok=True)
    _draw(results, FIGURES)
    console.print(f"{PAGE.relative_to(machine.ROOT)} has the tables and plots of this run.", highlight=False)
