"""Two networks in one module: what an exported pipeline holds to score the inputs it is given."""

# TorchScript knows no comprehensions with a condition.
# ruff: noqa: PERF401

from typing import Final

import torch
from torch import Tensor, nn

from .describe import architecture_text, read_items
from .item_writer import Item
from .reading.evidence import affine_places, naming
from .settings import Positions, check_method, checked_settings


class LayerWeights(nn.Module):
    """The tensors of one module of a network, as buffers of the names that they have there."""

    def __init__(self, tensors: dict[str, Tensor]):
        super().__init__()
        # In the order of state_dict(). None where there is none, as TorchScript wants it.
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            tensor = tensors.get(name)
            self.register_buffer(name, None if tensor is None else tensor.detach().clone())

    def forward(self) -> list[Tensor]:
        """The tensors that operators take, in their order."""
        tensors: list[Tensor] = []
        for tensor in (self.weight, self.bias, self.running_mean, self.running_var):
            if isinstance(tensor, Tensor):
                tensors.append(tensor)
        return tensors


class NetworkWeights(nn.Module):
    """The tensors of a Sequential: its ``state_dict`` has the same keys, and either loads that of the other."""

    def forward(self) -> list[Tensor]:
        """What operators take as ``parameters``."""
        tensors: list[Tensor] = []
        for layer in self.children():
            tensors += layer()
        return tensors


class Comparer(nn.Module):
    """Scores two networks on the inputs it is called with; to be saved and run elsewhere, without Python too.

    It works with ``torch.jit.script``, ``torch.export``, AOTInductor and ``torch.compile``, which give the very numbers
    that it gives itself: :func:`compare`'s (docs/pipelines.md).

    The weights of both networks are copied into buffers. ``network_a`` and ``network_b`` have the state dicts of the
    networks they were made from, so that ``comparer.network_b.load_state_dict(live.state_dict())`` brings one up to
    date, and ``state_dict()``, ``to()``, ``copy.deepcopy`` and ``torch.save`` do what they do for any module. Of
    parametrised modules (``torch.nn.utils.parametrize``) the buffers hold what the parametrisation gives, under the
    name of the parameter. The architectures are constants: a network of other layers needs another Comparer.

    No gradients flow: whether a unit fires is a step function. Training and eval mode are the same.

    Attributes:
        network_a: The weights of a.
        network_b: The weights of b.
        architecture_a: What :func:`describe` says of a.
        architecture_b: Of b.
        method: As given; so are num_hashes, seed and margin.
        positions: As operators take it: the number of points, 0 for "all", -1 for "any".
    """

    architecture_a: Final[str]
    architecture_b: Final[str]
    method: Final[str]
    num_hashes: Final[int]
    seed: Final[int]
    margin: Final[float]
    positions: Final[int]

    def __init__(
        self,
        network_a: nn.Sequential,
        network_b: nn.Sequential,
        *,
        method: str = "auto",
        num_hashes: int = 1024,
        seed: int = 0,
        margin: float = 0.0,
        positions: Positions = 16,
    ):
        """Copies what the operators need to know of the networks.

        Args:
            network_a: A ``torch.nn.Sequential`` that :func:`describe` can read.
            network_b: The other one.
            method: "auto", "exact" or "minhash"; this and the others as in :func:`compare`.
            num_hashes: Slots of a sketch, from 1 to 2**24.
            seed: Any int64.
            margin: A unit fires where its canonical pre-activation is above this; finite, at least 0.
            positions: "all", "any" or a number of points.

        Raises:
            TypeError, ValueError: For networks that :func:`describe` can't read or that have no hidden layer (names
                network a or b) and options out of range.
        """
        super().__init__()
        check_method(method, "jaccard")
        settings = checked_settings(num_hashes, seed, margin, positions)
        self.architecture_a, self.network_a = _read("network a", network_a)
        self.architecture_b, self.network_b = _read("network b", network_b)
        self.method = method
        self.num_hashes = settings.num_hashes
        self.seed = settings.seed
        self.margin = settings.margin
        self.positions = settings.operator_positions

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Scores the networks on ``inputs``. Never read a score without its chance level: :meth:`with_chance`.

        Args:
            inputs: ``[inputs, features...]``, of the networks' dtype (but for float16 and bfloat16) and device.

        Returns:
            The score, float64 ``[]``, and the scores of the pairs of hidden layers, float64 ``[pairs]``.

        Raises:
            RuntimeError: As :func:`compare`.
        """
        score, layer_scores, _matches, _similarities = torch.ops.funcsim.compare(
            self.architecture_a,
            self.network_a(),
            self.architecture_b,
            self.network_b(),
            inputs.detach(),
            self.method,
            self.num_hashes,
            self.seed,
            self.margin,
            self.positions,
        )
        return score, layer_scores

    @torch.jit.export
    def with_chance(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores the networks and says what the score is worth.

        Scripted modules have this method too. For ``torch.export`` call it in the forward() of a module of yours.

        Args:
            inputs: As for :meth:`forward`.

        Returns:
            score, chance and adjusted of the networks, float64 ``[]`` each.

        Raises:
            RuntimeError: As :func:`compare`.
        """
        score, chance, adjusted = torch.ops.funcsim.compare_with_chance(
            self.architecture_a,
            self.network_a(),
            self.architecture_b,
            self.network_b(),
            inputs.detach(),
            self.method,
            self.num_hashes,
            self.seed,
            self.margin,
            self.positions,
        )
        return score, chance, adjusted

    def extra_repr(self) -> str:
        """The options."""
        positions = {0: '"all"', -1: '"any"'}.get(self.positions, str(self.positions))
        return (
            f'method="{self.method}", num_hashes={self.num_hashes}, seed={self.seed}, margin={self.margin}, '
            f"positions={positions}"
        )


def _read(role: str, model: nn.Sequential) -> tuple[str, NetworkWeights]:
    """The architecture of a network and copies of its tensors."""
    with naming(role):
        items = read_items(model)
        affine = len(affine_places(items))
        if affine < 2:  # operators would say so, but not before the module runs somewhere else
            raise ValueError(
                f"the network has no hidden layer: that takes two affine layers (Linear, Conv), got {affine}"
            )
    weights = NetworkWeights()
    for item in items:
        if item.tensors:
            *outer, name = item.place.split(".")
            _inner(weights, outer).add_module(name, LayerWeights(_tensors(model, item)))
    return architecture_text(items), weights


def _inner(weights: nn.Module, path: list[str]) -> nn.Module:
    """The module at a path, made where it isn't there yet."""
    for name in path:
        if name not in weights._modules:
            weights.add_module(name, NetworkWeights())
        weights = weights.get_submodule(name)
    return weights


def _tensors(model: nn.Sequential, item: Item) -> dict[str, Tensor]:
    """An item's tensors, with what a BatchNorm counts beside, so that state dicts fit."""
    counted = model.get_submodule(item.place)._buffers.get("num_batches_tracked")
    return item.tensors if counted is None else {**item.tensors, "num_batches_tracked": counted}
