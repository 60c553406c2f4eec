"""The demo's data and networks: trained once on scikit-learn's digits, then kept on disk."""

import hashlib
import itertools
import pathlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import safetensors.torch
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

TRAINING_IMAGES = 1437  # of 1797; the others measure accuracy


@dataclass(frozen=True)
class Digits:
    """8x8 grey images of handwritten digits, standardised; the first TRAINING_IMAGES are for training."""

    images: Tensor  # float32 [1797, 1, 8, 8]
    labels: Tensor  # int64 [1797]

    @property
    def vectors(self) -> Tensor:
        """The images as rows of 64 pixels."""
        return self.images.flatten(1)


def digits() -> Digits:
    """Loads the images in a fixed random order."""
    data = load_digits()
    images, labels = torch.tensor(data.images, dtype=torch.float32), torch.tensor(data.target)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    images, labels = images[order], labels[order]
    training = images[:TRAINING_IMAGES]
    return Digits(((images - training.mean()) / training.std()).unsqueeze(1), labels)


def mlp(width: int = 128) -> nn.Sequential:
    """64-width-width-10 with ReLU."""
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


def cnn() -> nn.Sequential:
    """Two convolutions with BatchNorm and one hidden Linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def accuracy(model: nn.Sequential, data: Digits) -> float:
    """Share of the test images that are classified correctly."""
    with torch.no_grad():
        predicted = model(inputs_of(model, data)[TRAINING_IMAGES:]).argmax(dim=1)
    return float((predicted == data.labels[TRAINING_IMAGES:]).double().mean())


def inputs_of(model: nn.Sequential, data: Digits) -> Tensor:
    """What the network reads: images for a convolution, rows of pixels otherwise."""
    return data.images if isinstance(model[0], nn.Conv2d) else data.vectors


@dataclass(frozen=True)
class Recipe:
    """How a family member comes about. Its seed decides the initial weights and the order of batches."""

    build: Callable[[], nn.Sequential]
    seed: int
    shuffle_labels: bool = False
    epochs_more: int = 0  # on top of those asked for
    trained: bool = True


RECIPES = {
    "mlp": Recipe(mlp, seed=1),
    "mlp, next checkpoint": Recipe(mlp, seed=1, epochs_more=2),
    "mlp, other seed": Recipe(mlp, seed=2),
    "mlp, width 96": Recipe(lambda: mlp(96), seed=3),
    "mlp, shuffled labels": Recipe(mlp, seed=4, shuffle_labels=True),
    "mlp, random": Recipe(mlp, seed=5, trained=False),
    "cnn": Recipe(cnn, seed=1),
    "cnn, next checkpoint": Recipe(cnn, seed=1, epochs_more=1),
    "cnn, other seed": Recipe(cnn, seed=2),
    "cnn, random": Recipe(cnn, seed=3, trained=False),
}


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


def _train(recipe: Recipe, data: Digits, epochs: int) -> Iterator[nn.Sequential]:
    """The network after its initialisation, then after each epoch; always the same object."""
    model = recipe.build()
    yield model
    inputs, labels = inputs_of(model, data)[:TRAINING_IMAGES], data.labels[:TRAINING_IMAGES]
    if recipe.shuffle_labels:
        labels = labels[torch.randperm(len(labels))]
    optimiser = torch.optim.Adam(model.parameters())
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(inputs)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(inputs[batch]), labels[batch]).backward()
            optimiser.step()
        yield model


def _trained(recipe: Recipe, data: Digits, epochs: int) -> nn.Sequential:
    wanted = epochs + recipe.epochs_more if recipe.trained else 0
    with _reproducible(recipe.seed):
        return next(itertools.islice(_train(recipe, data, wanted), wanted, None))


def family(data: Digits, epochs: int, cache: pathlib.Path) -> dict[str, nn.Sequential]:
    """All networks of RECIPES in eval mode, trained where ``cache`` doesn't have them.

    Args:
        data: What to train on.
        epochs: Passes over the training images.
        cache: A folder of safetensors files. Their names carry a hash of this file, torch's version and ``epochs``,
            so that nothing out of date is ever read.
    """
    cache.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(pathlib.Path(__file__).read_bytes() + f"{torch.__version__} {epochs}".encode()).hexdigest()
    networks = {}
    for name, recipe in RECIPES.items():
        file = cache / f"{name.replace(',', '').replace(' ', '-')}-{key[:16]}.safetensors"
        if file.exists():
            model = recipe.build()
            model.load_state_dict(safetensors.torch.load_file(file))
        else:
            model = _trained(recipe, data, epochs)
            # Written beside and renamed: an interrupted run leaves no half of a file behind.
            partial = file.with_suffix(".partial")
            safetensors.torch.save_file(model.state_dict(), partial)
            partial.replace(file)
        networks[name] = model.eval().requires_grad_(False)
    return networks
