"""Where networks come from: trained when they are first wanted, then kept on disk."""

import hashlib
import pathlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import safetensors.torch
import torch
from torch import nn

from . import data, networks
from .data import Dataset
from .networks import Recipe


@dataclass(frozen=True)
class Lab:
    """Trains networks, or takes them from where they were kept."""

    cache: pathlib.Path

    def dataset(self, name: str) -> Dataset:
        """By name."""
        return data.dataset(name, self.cache / "data")

    def network(self, recipe: Recipe) -> nn.Sequential:
        """In eval mode, without gradients."""
        return self.trajectory(recipe, [recipe.epochs])[0]

    def trajectory(self, recipe: Recipe, epochs: Sequence[int]) -> list[nn.Sequential]:
        """The network after each of these numbers of passes, which ascend up to ``recipe.epochs``."""
        file = self._file(recipe, epochs)
        models = [recipe.architecture.build() for _ in epochs]
        if not file.exists():
            self._train_into(file, recipe, epochs)
        file.touch()  # for those who ask which ones were used
        stored = safetensors.torch.load_file(file)
        for index, model in enumerate(models):
            prefix = f"{index}."
            state = {name.removeprefix(prefix): value for name, value in stored.items() if name.startswith(prefix)}
            model.load_state_dict(state)
            model.eval().requires_grad_(False)
        return models

    def _file(self, recipe: Recipe, epochs: Sequence[int]) -> pathlib.Path:
        # The code that makes networks and data is part of the name: nothing out of date is ever read.
        sources = b"".join(pathlib.Path(name).read_bytes() for name in (networks.__file__, data.__file__))
        text = f"{recipe} {list(epochs)} {torch.__version__}".encode()
        return self.cache / "networks" / f"{hashlib.sha256(sources + text).hexdigest()[:24]}.safetensors"

    def _train_into(self, file: pathlib.Path, recipe: Recipe, epochs: Sequence[int]) -> None:
        with _reproducible(recipe.seed):
            states = {
                f"{epochs.index(epoch)}.{name}": value.clone()
                for epoch, model in enumerate(networks.train(recipe, self.dataset(recipe.dataset)))
                if epoch in epochs
                for name, value in model.state_dict().items()
            }
        file.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed: an interrupted run leaves no half of a file behind.
        partial = file.with_suffix(".partial")
        safetensors.torch.save_file(states, partial)
        partial.replace(file)


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    # One thread: how a sum is split decides its rounding, and the number of cores would decide the networks.
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def stored_networks(cache: pathlib.Path) -> dict[str, float]:
    """When each file of networks was last used."""
    return {file.name: file.stat().st_mtime for file in (cache / "networks").glob("*.safetensors")}
