"""One run: machine, limits, benchmarks, targets, reports."""

import argparse
import pathlib
import shlex
import sys

import torch
from rich.console import Console

from . import machine, report
from .report import Results
from .suite import Run, Suite

# Exit statuses.
WRONG = 1  # an answer
BAD_OPTIONS = 2
BUSY = 3  # the machine, so that the docs weren't written
NO_DEVICE = 4


def suite_of(device: str) -> Suite:
    """Imported when it is wanted: those of the CPU need packages that a machine with a GPU may lack."""
    if device == "cuda":
        from .cuda.suite import SUITE  # noqa: PLC0415

        return SUITE
    from .cpu_suite import SUITE as OF_CPU  # noqa: PLC0415

    return OF_CPU


def run_session(options: argparse.Namespace, dropped: list[str]) -> int:
    """Exit status: 0, or why there is nothing to read, as named above."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    suite = suite_of(options.device)
    if options.list:
        console.print("\n".join(suite.benchmarks))
        return 0
    unknown = [name for name in options.only if name not in suite.benchmarks]
    if unknown:
        there = ", ".join(suite.benchmarks)
        print(f"./run bench: no benchmark {unknown[0]!r}. There are: {there}", file=sys.stderr)
        return BAD_OPTIONS
    if options.write_docs and options.only:
        print("./run bench: --write-docs takes a run of all benchmarks, not of some", file=sys.stderr)
        return BAD_OPTIONS
    if problem := suite.problem():
        print(f"./run bench: --device {options.device} can't be measured on this machine. {problem}", file=sys.stderr)
        return NO_DEVICE
    return _run(suite, options, dropped, console)


def _run(suite: Suite, options: argparse.Namespace, dropped: list[str], console: Console) -> int:
    torch.set_num_threads(options.threads)
    results = Results(options.scale, f"./run bench {shlex.join(_shown_options(options))}".strip())
    run = Run(options, dropped, console, results)
    _warn_beforehand(run)
    watch = machine.Watch.start()
    suite.measure(run, options.only or suite.benchmarks)
    foreign = watch.foreign_share()
    if foreign > machine.MOST_FOREIGN:
        run.warn(f"Other processes had {foreign:.0%} of the processors during the run: figures are noise.")
    results.machine["others' share of the processors"] = f"{foreign:.1%}"
    for grid in report.grids(results):
        report.print_grid(grid, console)
    _write(suite, run, options.output or machine.ROOT / "build" / suite.output)
    for warning in results.warnings:
        console.print(f"[bold yellow]{warning}")
    for problem in results.problems:
        console.print(f"[bold red]WRONG ANSWER: {problem}")
    if results.problems:
        return WRONG
    if options.write_docs:
        page = suite.page.relative_to(machine.ROOT)
        if foreign > machine.MOST_FOREIGN and not options.even_if_busy:
            console.print(f"[bold red]{page} is left as it was: run this when nothing else does.")
            return BUSY
        report.write_docs(results, suite.page)
        suite.draw(results, machine.ROOT / "docs" / "performance")
        run.say(f"{page} has the tables and plots of this run.")
    return 0


def _shown_options(options: argparse.Namespace) -> list[str]:
    device = [] if options.device == "cpu" else ["--device", options.device]
    scale = [] if options.scale == "full" else [f"--{options.scale}"]
    threads = [] if options.threads == machine.available_cores() else ["--threads", str(options.threads)]
    return [*options.only, *device, *scale, *threads]


def _warn_beforehand(run: Run) -> None:
    options = run.options
    if run.dropped:
        dropped = ", ".join(run.dropped)
        run.console.print(f"Dropped {dropped}: what pins a library to another processor's kernels slows peers down.")
    if options.threads > machine.available_cores():
        run.warn(f"{options.threads} threads on {machine.available_cores()} cores wait for each other.")
    busy = machine.foreign_share_now()
    if busy > machine.MOST_FOREIGN:
        run.warn(f"Other processes have {busy:.0%} of the processors: figures will be noise.")


def _write(suite: Suite, run: Run, output: pathlib.Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    results = run.results
    report.write_json(results, output / "results.json")
    tables = "\n\n".join(f"## {grid.title}\n\n{report.markdown(grid)}" for grid in report.grids(results))
    (output / "tables.md").write_text(f"# {results.command}\n\n{tables}\n", encoding="utf-8")
    plots = [file.name for file in suite.draw(results, output)]
    run.say(", ".join([str(output / "results.json"), "tables.md", *plots]))
