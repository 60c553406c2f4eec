"""One run: experiments, results, tables, pages."""

import argparse
import sys
import time

import funcsim
import torch
from rich.console import Console

from benchmarks import machine
from benchmarks.report import print_grid

from . import (
    costs,
    discrimination,
    grounding,
    merging,
    pretrained,
    report,
    robustness,
    sketches,
    trajectories,
    uncertainty,
)
from .lab import stored_networks
from .report import Result
from .run import Experiment, Run
from .settings import Settings

BAD_OPTIONS = 2
EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        robustness,
        sketches,
        uncertainty,
        discrimination,
        costs,
        grounding,
        merging,
        trajectories,
        pretrained,
    )
}


def run_session(options: argparse.Namespace, dropped: list[str]) -> int:
    """Exit status."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    if options.list:
        console.print("\n".join(f"{name}: {experiment.title}" for name, experiment in EXPERIMENTS.items()))
        return 0
    unknown = [name for name in options.only if name not in EXPERIMENTS]
    if unknown:
        there = ", ".join(EXPERIMENTS)
        print(f"./run evaluate: no experiment {unknown[0]!r}. There are: {there}", file=sys.stderr)
        return BAD_OPTIONS
    settings = Settings(options.scale, options.seeds, options.jobs, options.cache)
    folder = settings.cache / settings.scale
    for name in [] if options.tables else options.only or EXPERIMENTS:
        console.print(f"[bold]{EXPERIMENTS[name].title}")
        result = _measured(EXPERIMENTS[name], settings, dropped)
        report.write_result(result, folder)
        console.print(
            f"{name}: {result.seconds:.0f} s, {result.networks} networks, {result.trained} of them trained in this run"
        )
        for table in EXPERIMENTS[name].tables(result.rows):
            print_grid(table.grid, console)
    files = [folder / f"{name}.json" for name in EXPERIMENTS]
    results = {file.stem: report.read_result(file) for file in files if file.exists()}
    if not results:
        print(f"./run evaluate --tables: there are no results in {folder}", file=sys.stderr)
        return BAD_OPTIONS
    tables = report.write_tables(EXPERIMENTS.values(), results, folder)
    console.print(f"{folder}/tables.md, results and plots beside it")
    if options.write_docs:
        report.DOCS.mkdir(exist_ok=True)
        for result in results.values():
            report.write_result(result, report.DOCS)
        for plot in folder.glob("*.svg"):
            (report.DOCS / plot.name).write_bytes(plot.read_bytes())
        pages = report.fill_pages(tables)
        console.print(f"{', '.join(str(page.relative_to(machine.ROOT)) for page in pages)} have the tables of this run")
    return 0


def _measured(experiment: Experiment, settings: Settings, dropped: list[str]) -> Result:
    before = stored_networks(settings.cache)
    watch = machine.Watch.start()
    start, used = time.perf_counter(), machine.own_seconds()
    rows = experiment.measure(Run(settings))
    seconds, processor_seconds = time.perf_counter() - start, machine.own_seconds() - used
    described = machine.describe(torch.get_num_threads(), funcsim.simd_level(), dropped)
    described[report.OTHERS] = f"{watch.foreign_share():.1%}"
    after = stored_networks(settings.cache)
    return Result(
        experiment=experiment.name,
        scale=settings.scale,
        seeds=settings.seeds,
        jobs=settings.jobs,
        seconds=seconds,
        processor_seconds=processor_seconds,
        networks=sum(after[name] != before.get(name) for name in after),
        trained=len(after.keys() - before.keys()),
        machine=described,
        rows=rows,
    )
