"""What a run was asked for, and what its machine can do."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import torch

from .harness import Effort, Limit

Scale = Literal["smoke", "quick", "full"]
T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """Of one run."""

    scale: Scale
    threads: int
    limits: Mapping[str, Limit] = field(default_factory=dict)  # by name, of `threads` threads and of one

    @property
    def effort(self) -> Effort:
        """For each case."""
        return self.pick(Effort(0.0, 1), Effort(0.2, 2, 1.0), Effort(0.5))

    def pick(self, smoke: T, quick: T, full: T) -> T:
        """The one for this scale."""
        return {"smoke": smoke, "quick": quick, "full": full}[self.scale]

    @contextlib.contextmanager
    def one_thread(self) -> Iterator[None]:
        """For what is measured on one thread whatever the run has."""
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(self.threads)
