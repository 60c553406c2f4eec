"""What every experiment is given, and what it gives."""

import concurrent.futures
import multiprocessing
import pathlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from benchmarks.report import Grid

from .lab import Lab
from .settings import Settings

T = TypeVar("T")
Row = dict[str, Any]
Rows = Sequence[Row]


@dataclass(frozen=True)
class Table:
    """A table with the name by which pages ask for it."""

    name: str
    grid: Grid


@dataclass(frozen=True)
class Experiment:
    """One question.

    Attributes:
        name: In file names and on the command line.
        title: Of its page.
        measure: Everything that is measured, as rows that JSON can hold.
        tables: Made of the rows.
        draw: Draws the rows into files of a folder.
    """

    name: str
    title: str
    measure: Callable[["Run"], list[Row]]
    tables: Callable[[Rows], list[Table]]
    draw: Callable[[Rows, pathlib.Path], None]


def _one_thread() -> None:
    torch.set_num_threads(1)


@dataclass(frozen=True)
class Run:
    """One run of the evaluation."""

    settings: Settings

    @property
    def lab(self) -> Lab:
        """Where networks come from."""
        return Lab(self.settings.cache)

    @property
    def seeds(self) -> range:
        """Of networks."""
        return range(self.settings.seeds)

    def map(self, function: Callable[..., list[T]], tasks: Iterable[Sequence[object]]) -> list[T]:
        """What a function of a module gives for the settings and each task, in order, from ``settings.jobs`` processes.

        All compute with one thread.
        """
        arguments = [(self.settings, *task) for task in tasks]
        if self.settings.jobs == 1:
            threads = torch.get_num_threads()
            _one_thread()
            try:
                return [item for given in arguments for item in function(*given)]
            finally:
                torch.set_num_threads(threads)
        with concurrent.futures.ProcessPoolExecutor(
            self.settings.jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread
        ) as pool:
            futures = [pool.submit(function, *given) for given in arguments]
            return [item for future in futures for item in future.result()]
