"""What decides how much is measured."""

import pathlib
from dataclasses import dataclass
from typing import TypeVar

ROOT = pathlib.Path(__file__).resolve().parents[1]
T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """Of a run.

    Attributes:
        scale: "full", "quick" or "smoke". A quick run has the shapes of all tables, a smoke run shows that it runs.
        seeds: Networks of each kind, and pairs of networks that are merged.
        jobs: Processes that train and measure. Each computes with one thread, so that no result depends on it.
        cache: Where networks, generated data and results are kept.
    """

    scale: str = "full"
    seeds: int = 5
    jobs: int = 1
    cache: pathlib.Path = ROOT / "build" / "evaluation"

    def pick(self, full: T, quick: T, smoke: T) -> T:
        """The value for this scale."""
        return {"full": full, "quick": quick, "smoke": smoke}[self.scale]

    def epochs_of(self, kind: str) -> int:
        """Passes over the training data that a network of this kind needs: MLPs see fewer batches of digits."""
        return self.pick(30, 10, 2) if kind == "mlp" else self.pick(15, 5, 1)
