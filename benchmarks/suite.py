"""What a run of one kind of device is made of; session.py does what all have in common."""

import argparse
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console

from . import report
from .harness import Row
from .report import Results
from .targets import Target

SettingsT = TypeVar("SettingsT")
# Cases of one operator, and what their figures must be.
Races = Mapping[str, tuple[Callable[[SettingsT], Iterator[Row]], Callable[[Sequence[Row]], list[Target]]]]


@dataclass(frozen=True)
class Run:
    """One run: what was asked for, and what it has found so far."""

    options: argparse.Namespace
    dropped: list[str]  # environment variables
    console: Console
    results: Results

    def say(self, text: str) -> None:
        """How far it has come."""
        self.console.print(text, highlight=False)

    def warn(self, text: str) -> None:
        """What makes figures worth less. It is said again at the end."""
        self.results.warnings.append(text)
        self.console.print(f"[bold yellow]{text}")

    def race(self, races: Races[SettingsT], chosen: Sequence[str], settings: SettingsT) -> None:
        """Measures the chosen ones. Targets of the others are there, as not measured."""
        for name, (measure, targets) in races.items():
            found: list[Row] = []
            if name in chosen:
                for row in measure(settings):
                    found.append(row)
                    self.say(_progress(row))
            self.results.rows += found
            self.results.targets += targets(found)


@dataclass(frozen=True)
class Suite:
    """The benchmarks of one kind of device."""

    benchmarks: tuple[str, ...]
    page: pathlib.Path  # the documentation's, with its figures
    output: str  # the folder in build/ for JSON and tables
    problem: Callable[[], str]  # why nothing can be measured on this machine, or ""
    measure: Callable[[Run, Sequence[str]], None]  # those that were chosen
    draw: Callable[[Results, pathlib.Path], list[pathlib.Path]]  # plots into a folder


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
    return f"{row.benchmark}, {row.case}: {report.time_text(row.ours)}, {compared}{refused}"
