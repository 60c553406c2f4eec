"""Two networks in one module: what an exported pipeline holds to score the inputs it is given."""

# TorchScript knows no zip(strict=True) and no comprehensions with a condition.
# ruff: noqa: B905, PERF401

from typing import Final

import torch
from torch import Tensor, nn

from .adjusted import adjusted_score
from .describe import architecture_text, read_items
from .evidence import naming
from .item_writer import Item
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
            TypeError, ValueError: For networks that :func:`describe` can't read (names network a or b) and options out
                of range.
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

        Scripted modules have this method too. For ``torch.export`` call it in the forward() of a module of yours. An
        exported batch has at least 9 inputs, and with method "auto" no more than are counted exactly.

        Args:
            inputs: As for :meth:`forward`.

        Returns:
            score, chance and adjusted of the networks, float64 ``[]`` each.

        Raises:
            RuntimeError: As :func:`compare`.
        """
        rows_a, samples_a = self._signatures(self.architecture_a, self.network_a(), inputs.detach())
        rows_b, samples_b = self._signatures(self.architecture_b, self.network_b(), inputs.detach())
        num_inputs = inputs.shape[0]
        counts_a = [num_inputs * samples for samples in samples_a]
        counts_b = [num_inputs * samples for samples in samples_b]
        shuffled: list[Tensor] = []
        is_long = num_inputs * max(samples_a + samples_b) > 32 * self.num_hashes
        if self.method == "minhash" or (self.method == "auto" and is_long):
            partners = torch.ops.funcsim.shuffle_partners(inputs.detach(), self.seed)
            for rows, samples in zip(rows_b, samples_b):
                shuffled.append(torch.ops.funcsim.shuffled_minhash(rows, partners, samples, self.num_hashes, self.seed))
            rows_a = self._sketches(rows_a, counts_a)
            rows_b = self._sketches(rows_b, counts_b)
        else:
            for rows, samples in zip(rows_b, samples_b):
                shuffled.append(torch.ops.funcsim.shuffle_samples(rows, num_inputs, samples, self.seed))
        # No pairs: layers are paired automatically. AOTInductor of torch 2.11 can't hand over an empty list, though.
        pairs: list[int] = []
        if len(rows_a) == len(rows_b):
            pairs = [index // 2 for index in range(2 * len(rows_a))]
        network = torch.ops.funcsim.compare_layers(rows_a, rows_b, shuffled, counts_a, counts_b, "jaccard", pairs)[4]
        score, chance = network[0], network[1]
        return score, chance, adjusted_score(score, chance)

    def _signatures(
        self, architecture: str, parameters: list[Tensor], inputs: Tensor
    ) -> tuple[list[Tensor], list[int]]:
        """The signatures of every hidden layer, and its samples an input."""
        # A copy of the list: TorchScript shares lists, and libtorch moves the tensors out of those that it hands to
        # operators on the stable ABI.
        signatures = torch.ops.funcsim.network_signatures(
            architecture, list(parameters), inputs, self.margin, self.positions, self.seed
        )
        # 8 inputs have a byte of bits for each sample an input.
        eight = inputs[:1].repeat_interleave(8, dim=0)
        eights = torch.ops.funcsim.network_signatures(
            architecture, parameters, eight, self.margin, self.positions, self.seed
        )
        return signatures, [rows.shape[1] for rows in eights]

    def _sketches(self, signatures: list[Tensor], num_samples: list[int]) -> list[Tensor]:
        return [
            torch.ops.funcsim.minhash(rows, count, self.num_hashes, self.seed)
            for rows, count in zip(signatures, num_samples)
        ]

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
