"""Progress bars, for people who look at a terminal."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from torch import Tensor

from .reading.batches import num_inputs


class Progress:
    """Is told what was done; this one keeps it to itself."""

    def advance(self, inputs: int) -> None:
        """Says that a network was read on further inputs."""

    def begin(self, what: str) -> None:
        """Says what networks are read for from now on."""

    def stage(self, what: str, total: int | None = None, unit: str = "") -> None:
        """Says what is being done from now on that reads no inputs.

        Args:
            what: Is being done.
            total: How many steps it takes; None where that isn't known.
            unit: What a step is, in the plural.
        """

    def step(self) -> None:
        """Says that a step of a stage is done."""


SILENT = Progress()


class _Bar(Progress):
    """Shows it by Rich."""

    def __init__(self, bars: Any, task: Any, networks: int):
        self._bars = bars
        self._task = task
        self._networks = networks
        self._read = 0  # inputs, times networks
        self._stage: Any = None  # its task

    def advance(self, inputs: int) -> None:
        self._read += inputs
        self._bars.update(self._task, completed=self._read / self._networks)

    def begin(self, what: str) -> None:
        self._end_stage()
        self._bars.update(self._task, description=what, visible=True)

    def stage(self, what: str, total: int | None = None, unit: str = "") -> None:
        self._bars.refresh()  # shows the last of what was done before
        self._end_stage()
        self._bars.update(self._task, visible=False)
        self._stage = self._bars.add_task(what, total=total, unit=unit)

    def step(self) -> None:
        self._bars.advance(self._stage)

    def _end_stage(self) -> None:
        if self._stage is not None:
            self._bars.remove_task(self._stage)
            self._stage = None


def expected_inputs(inputs: Any) -> int | None:
    """How many inputs will come, or about how many; None where that can't be known."""
    if isinstance(inputs, Tensor | Mapping):
        return num_inputs(inputs)
    if isinstance(inputs, list | tuple):
        return sum(num_inputs(batch) for batch in inputs)
    sampler = getattr(inputs, "sampler", None)  # of a DataLoader
    for sized in (sampler, getattr(inputs, "dataset", None)):
        if isinstance(sized, Sized):
            return len(sized)
    return None


@contextmanager
def shown(progress: bool | None, what: str, inputs: Iterable[Any] | None, networks: int) -> Iterator[Progress]:
    """Shows a bar on standard error while something long is done, with the rate and the time left.

    Args:
        progress: True shows it; None where Rich is installed; False never. Where standard error is no terminal, it is
            not shown.
        what: Is being done.
        inputs: What is read.
        networks: That are read on all of them.

    Raises:
        TypeError: ``progress`` is something else.
        ImportError: It is True, and Rich isn't installed.
    """
    if progress is not None and not isinstance(progress, bool):
        raise TypeError(f"progress must be True, False or None, got {progress!r}")
    if progress and find_spec("rich") is None:
        raise ImportError("progress=True needs the package rich: pip install rich")
    if progress is False or not sys.stderr.isatty() or find_spec("rich") is None:
        yield SILENT
        return
    with import_module(".progress_bars", __package__).bars() as bars:
        task = bars.add_task(what, total=None if inputs is None else expected_inputs(inputs), unit="inputs")
        yield _Bar(bars, task, networks)
