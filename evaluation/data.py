"""What networks are trained on: data that ships in packages, scikit-learn's digits and mnist1d."""

import hashlib
import pathlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from mnist1d.data import get_dataset_args, make_dataset
from sklearn.datasets import load_digits
from torch import Tensor

FEATURES = 64  # of both data sets: 8x8 pixels, or 64 points of a signal
CLASSES = 10
TRAINING_DIGITS = 1437  # of 1797; the others measure accuracy
PROBE = 1797


@dataclass(frozen=True)
class Dataset:
    """Standardised rows of 64 numbers with labels from 0 to 9.

    Attributes:
        name: "digits" or "mnist1d".
        training: float32 ``[n, 64]``.
        training_labels: int64 ``[n]``.
        test: float32 ``[m, 64]``.
        test_labels: int64 ``[m]``.
    """

    name: str
    training: Tensor
    training_labels: Tensor
    test: Tensor
    test_labels: Tensor

    @property
    def probe(self) -> Tensor:
        """What networks are compared on: the test rows and as many others as make 1797, which is all of the digits."""
        return torch.cat([self.training[len(self.test) - PROBE :], self.test])


def _standardised(name: str, x: Tensor, y: Tensor, test_x: Tensor, test_y: Tensor) -> Dataset:
    mean, deviation = x.mean(), x.std()
    return Dataset(name, (x - mean) / deviation, y, (test_x - mean) / deviation, test_y)


@cache
def digits() -> Dataset:
    """8x8 grey images of handwritten digits (UCI, in scikit-learn), in a fixed random order."""
    data = load_digits()
    images, labels = torch.tensor(data.data, dtype=torch.float32), torch.tensor(data.target)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    images, labels, split = images[order], labels[order], TRAINING_DIGITS
    return _standardised("digits", images[:split], labels[:split], images[split:], labels[split:])


def _generated(samples: int, seed: int, folder: pathlib.Path) -> dict[str, Tensor]:
    """MNIST-1D of 64 points, kept on disk: a thousand take a third of a second."""
    key = hashlib.sha256(f"{samples} {seed} {FEATURES}".encode()).hexdigest()[:16]
    file = folder / f"mnist1d-{key}.npz"
    if not file.exists():
        arguments = get_dataset_args()
        arguments.num_samples, arguments.seed, arguments.final_seq_length = samples, seed, FEATURES
        state = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002  # the package seeds these
        made = make_dataset(arguments)
        np.random.set_state(state[0])  # noqa: NPY002
        torch.set_rng_state(state[1])
        folder.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial.npz")
        np.savez(partial, **{name: made[name] for name in ("x", "y", "x_test", "y_test")})
        partial.replace(file)
    with np.load(file) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


@cache
def mnist1d(folder: pathlib.Path) -> Dataset:
    """MNIST-1D (Greydanus and Kobak, arXiv:2011.14439): 4000 signals for training, 1000 for testing.

    Made by the package, with its own arguments but for the length, which is that of the digits, so that networks for
    either data set can be given the other.
    """
    made = _generated(5000, 42, folder)
    return _standardised("mnist1d", made["x"].float(), made["y"].long(), made["x_test"].float(), made["y_test"].long())


@cache
def fresh_mnist1d(samples: int, folder: pathlib.Path) -> Tensor:
    """Signals that no network has seen, float32 ``[samples, 64]``, on the scale of :func:`mnist1d`."""
    original = _generated(5000, 42, folder)["x"].float()
    made = _generated(samples, 43, folder)
    rows = torch.cat([made["x"], made["x_test"]]).float()
    return (rows - original.mean()) / original.std()


def dataset(name: str, folder: pathlib.Path) -> Dataset:
    """By name."""
    return digits() if name == "digits" else mnist1d(folder)
