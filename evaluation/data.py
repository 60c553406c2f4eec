"""Data that ships in packages: scikit-learn's digits, mnist1d, photographs; and tones made by formula."""

import hashlib
import pathlib
from dataclasses import dataclass
from functools import cache

import matplotlib.cbook
import numpy as np
import torch
from mnist1d.data import get_dataset_args, make_dataset
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images
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


@cache
def photographs() -> tuple[Tensor, ...]:
    """Colour photographs, float32 ``[3, height, width]`` from -1 to 1: two of scikit-learn's, one of a face."""
    images = [*load_sample_images().images]
    with Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg")) as face:
        images.append(np.asarray(face))
    return tuple((torch.from_numpy(image.copy()).float().permute(2, 0, 1) - 127.5) / 128 for image in images)


def patches(count: int, size: int, seed: int = 0) -> Tensor:
    """Square pieces of the photographs at random places and scales, float32 ``[count, 3, size, size]``."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for index in range(count):
        image = photographs()[index % len(photographs())]
        smallest = min(image.shape[1:])
        side = int(size * (smallest / size) ** torch.rand((), generator=generator).item())
        top, left = (
            int(torch.randint(extent - side + 1, (), generator=generator).item()) for extent in image.shape[1:]
        )
        piece = image[None, :, top : top + side, left : left + side]
        rows.append(torch.nn.functional.interpolate(piece, size=(size, size), mode="area")[0])
    return torch.stack(rows)


def tones(count: int, seed: int = 0) -> Tensor:
    """Frames of 1024 samples at 16 kHz, standardised as CREPE wants them, float32 ``[count, 1, 1024, 1]``.

    Each is a harmonic tone of 50 to 1000 Hz with a random spectral envelope, vibrato and some noise.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    time = torch.arange(1024) / 16000
    pitch = 50 * 20 ** uniform(0, 1, 1)
    vibrato = uniform(0, 0.02, 1) * torch.sin(2 * torch.pi * (uniform(3, 8, 1) * time + uniform(0, 1, 1)))
    phase = 2 * torch.pi * torch.cumsum(pitch * (1 + vibrato), dim=1) / 16000
    order = torch.arange(1, 21, dtype=torch.float32)
    loudness = order ** -uniform(0.3, 2, 1) * uniform(0.1, 1, 20)
    loudness = loudness * (pitch * order < 8000)  # none above half of the sampling rate
    harmonics = torch.sin(phase[:, None, :] * order[None, :, None] + uniform(0, 2 * torch.pi, 20, 1))
    frames = (loudness[:, :, None] * harmonics).sum(dim=1)
    noise = torch.randn(count, 1024, generator=generator)
    frames = frames / frames.std(dim=1, keepdim=True) + 10 ** uniform(-3, -0.5, 1) * noise
    frames = (frames - frames.mean(dim=1, keepdim=True)) / frames.std(dim=1, keepdim=True)
    return frames[:, None, :, None]
