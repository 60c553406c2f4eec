"""Architectures that are trained here, and how they are trained."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .data import CLASSES, FEATURES, Dataset


@dataclass(frozen=True)
class Architecture:
    """Of a small network that reads 64 numbers.

    Attributes:
        kind: "mlp", "cnn" (reads them as an image of 8x8 pixels) or "cnn1d" (as a signal of 64 points).
        depth: Hidden layers of an MLP.
        width: Units of each of them.
        init: Initial weights: "he" (arXiv:1502.01852), or "torch", PyTorch's own, which let signals fade in deep ReLU
            networks.
    """

    kind: str
    depth: int = 0
    width: int = 0
    init: str = "he"

    def __str__(self) -> str:
        """For example "mlp 2x128"."""
        name = f"mlp {self.depth}x{self.width}" if self.kind == "mlp" else self.kind
        return name if self.init == "he" else f"{name}, PyTorch's initial weights"

    def build(self) -> nn.Sequential:
        """With its initial weights."""
        makers = {"mlp": lambda: _mlp(self.depth, self.width), "cnn": _cnn, "cnn1d": _cnn1d}
        model = makers[self.kind]()
        for module in model if self.init == "he" else ():
            if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        return model

    def shaped(self, rows: Tensor) -> Tensor:
        """Rows of 64 numbers as the network reads them."""
        shape = {"mlp": (FEATURES,), "cnn": (1, 8, 8), "cnn1d": (1, FEATURES)}[self.kind]
        return rows.reshape(-1, *shape)


def _mlp(depth: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    features = FEATURES
    for _ in range(depth):
        layers += [nn.Linear(features, width), nn.ReLU()]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, CLASSES))


def _cnn() -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels, units in ((1, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(channels, units, 3, padding=1, bias=False), nn.BatchNorm2d(units), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if units == 32 else []
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, CLASSES))


def _cnn1d() -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels, units in ((1, 16), (16, 32), (32, 32)):
        layers += [nn.Conv1d(channels, units, 5, padding=2, bias=False), nn.BatchNorm1d(units), nn.ReLU()]
        layers += [nn.MaxPool1d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, CLASSES))


@dataclass(frozen=True)
class Recipe:
    """How a network comes about.

    Attributes:
        architecture: Of the network.
        seed: Decides the initial weights, the order of batches and which rows ``share`` takes.
        dataset: "digits" or "mnist1d".
        labels: "class"; "parity", whether the class is odd; or "shuffled", the same for all networks.
        share: Of the training data.
        epochs: Passes over it; 0 leaves the network as it was initialised.
    """

    architecture: Architecture
    seed: int
    dataset: str = "digits"
    labels: str = "class"
    share: float = 1.0
    epochs: int = 30


def labels_of(recipe: Recipe, labels: Tensor) -> Tensor:
    """What the network is to say about rows of these classes."""
    if recipe.labels == "parity":
        return labels % 2
    if recipe.labels == "shuffled":
        return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    return labels


def train(recipe: Recipe, dataset: Dataset) -> Iterator[nn.Sequential]:
    """The network after its initialisation, then after each pass; always the same object."""
    model = recipe.architecture.build()
    yield model
    inputs = recipe.architecture.shaped(dataset.training)
    labels = labels_of(recipe, dataset.training_labels)
    if recipe.share < 1:
        chosen = torch.randperm(len(inputs))[: round(recipe.share * len(inputs))]
        inputs, labels = inputs[chosen], labels[chosen]
    optimiser = torch.optim.Adam(model.parameters(), foreach=True)
    decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, max(recipe.epochs, 1))
    for _ in range(recipe.epochs):
        model.train()
        for batch in torch.randperm(len(inputs)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(inputs[batch]), labels[batch]).backward()
            optimiser.step()
        decay.step()
        yield model


def logits(model: nn.Sequential, inputs: Tensor) -> Tensor:
    """What the network says."""
    with torch.no_grad():
        outputs: Tensor = model(inputs)
    return outputs


def accuracy(model: nn.Sequential, inputs: Tensor, labels: Tensor) -> float:
    """Share of inputs that are classified correctly."""
    return float((logits(model, inputs).argmax(dim=1) == labels).double().mean())
