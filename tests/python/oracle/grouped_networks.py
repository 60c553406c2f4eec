"""Networks whose groups allow only some orders of their units, with what they allow."""

from dataclasses import dataclass

import numpy as np
from torch import nn

from .hooks import hidden_layers, leaves
from .networks import Network


@dataclass(frozen=True)
class Tied:
    """Hidden layers whose blocks of units move together, or stay in place."""

    layers: tuple[int, ...]
    blocks: int
    can_move: bool = True


@dataclass(frozen=True)
class GroupedNetwork:
    """A network and the orders that keep its function."""

    network: Network
    tied: tuple[Tied, ...]

    def allowed_orders(self, model: nn.Sequential, rng: np.random.Generator) -> list[np.ndarray]:
        """Random ones, for each hidden layer."""
        modules = leaves(model)
        units = [modules[layer.affine].weight.shape[0] for layer in hidden_layers(modules)]
        orders = [np.arange(count) for count in units]
        for tied in self.tied:
            blocks = rng.permutation(tied.blocks) if tied.can_move else np.arange(tied.blocks)
            for layer in tied.layers:
                size = units[layer] // tied.blocks
                orders[layer] = np.concatenate([block * size + rng.permutation(size) for block in blocks])
        return orders


def _grouped(name: str, modules: list[nn.Module], channels: int, tied: tuple[Tied, ...]) -> GroupedNetwork:
    return GroupedNetwork(Network(name, lambda: nn.Sequential(*modules), (channels, 6, 6)), tied)


GROUPED_NETWORKS = [
    _grouped(
        "depthwise",
        [
            nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3, groups=6, padding=1, bias=False),
            nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3),
        ],
        2,
        (Tied((0, 1), 6), Tied((2,), 1)),
    ),
    _grouped(
        "depthwise with two outputs a channel",
        [
            nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 12, 3, groups=6, padding=1), nn.ReLU(), nn.Conv2d(12, 4, 1),
            nn.ReLU(), nn.Flatten(), nn.Linear(64, 3),
        ],
        2,
        (Tied((0, 1), 6), Tied((2,), 1)),
    ),
    _grouped(
        "grouped twice",
        [
            nn.Conv2d(2, 6, 3), nn.ReLU(), nn.MaxPool2d(2, 1), nn.Conv2d(6, 9, 3, groups=3, padding=1), nn.PReLU(9),
            nn.Conv2d(9, 6, 1, groups=3), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3),
        ],
        2,
        (Tied((0, 1, 2), 3), Tied((3,), 1)),
    ),
    _grouped(
        "group norms",
        [
            nn.Conv2d(2, 6, 3), nn.GroupNorm(3, 6), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.GroupNorm(2, 4), nn.ReLU(),
            nn.Flatten(), nn.Linear(64, 3),
        ],
        2,
        (Tied((0,), 3), Tied((1,), 2)),
    ),
    _grouped(
        "group norm and grouped convolution",
        [
            nn.Conv2d(2, 6, 3), nn.GroupNorm(3, 6), nn.ReLU(), nn.Conv2d(6, 6, 1, groups=3), nn.ReLU(), nn.Flatten(),
            nn.Linear(96, 3),
        ],
        2,
        (Tied((0, 1), 3),),
    ),
    _grouped(
        "grouped inputs",
        [
            nn.Conv2d(4, 6, 3, groups=2), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3),
        ],
        4,
        (Tied((0,), 2, can_move=False), Tied((1,), 1)),
    ),
    _grouped(
        "grouped outputs",
        [nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3, groups=2)],
        2,
        (Tied((0,), 2, can_move=False),),
    ),
    # Six blocks of a norm and three of a convolution: all stay in place.
    _grouped(
        "two partitions",
        [
            nn.Conv2d(2, 12, 3), nn.GroupNorm(6, 12), nn.ReLU(), nn.Conv2d(12, 6, 1, groups=3), nn.ReLU(), nn.Flatten(),
            nn.Linear(96, 3),
        ],
        2,
        (Tied((0,), 6, can_move=False), Tied((1,), 3, can_move=False)),
    ),
]  # fmt: skip
