"""Correlations of the activations of two networks' units, collected from a stream of inputs."""

import torch
from torch import Tensor

from .evidence import NetworkReader, naming
from .settings import Settings

ops = torch.ops.funcsim


class _LayerCorrelations:
    """Pearson correlations of all units of one hidden layer with all of another, while samples come.

    Products are taken in the networks' dtype, relative to each unit's first activation: a unit that never changes then
    has a variance of exactly 0. They are summed up in float64.
    """

    def __init__(self, first_a: Tensor, first_b: Tensor):
        self._origins = first_a, first_b
        self._count = 0
        self._sums: list[Tensor] = [torch.zeros_like(first, dtype=torch.float64) for first in self._origins]
        self._squares: list[Tensor] = [torch.zeros_like(first, dtype=torch.float64) for first in self._origins]
        self._products = first_a.new_zeros((len(first_a), len(first_b)), dtype=torch.float64)

    def add(self, a: Tensor, b: Tensor) -> None:
        """Takes further samples, ``[samples, units]``."""
        moved = [values - origin for values, origin in zip((a, b), self._origins, strict=True)]
        for index, values in enumerate(moved):
            self._sums[index] += values.sum(0, dtype=torch.float64)
            self._squares[index] += values.square().sum(0, dtype=torch.float64)
        self._products += moved[0].T @ moved[1]
        self._count += len(a)

    def correlations(self) -> Tensor:
        """float32 ``[units of a, units of b]``; of two constant units 1 where they are equal, else 0 with any."""
        means = [total / self._count for total in self._sums]
        deviations = [
            (square / self._count - mean.square()).clamp(min=0).sqrt()
            for square, mean in zip(self._squares, means, strict=True)
        ]
        covariances = self._products / self._count - torch.outer(*means)
        result = covariances / torch.outer(*deviations)
        constant_a, constant_b = (deviation == 0 for deviation in deviations)
        equal = self._origins[0][:, None] == self._origins[1][None]
        result = torch.where(constant_a[:, None] | constant_b, 0.0, result)
        result = torch.where(constant_a[:, None] & constant_b & equal, 1.0, result)
        return result.clamp(-1, 1).float()


class ActivationCorrelations:
    """Runs two networks on chunks of inputs and correlates what their hidden units give on."""

    def __init__(self, readers: tuple[NetworkReader, NetworkReader], settings: Settings):
        """Begins without inputs.

        Args:
            readers: The networks.
            settings: Which positions of grids are looked at.
        """
        self._readers = readers
        self._settings = settings
        self._layers: list[_LayerCorrelations] = []
        self._num_inputs = 0

    def add(self, chunk: Tensor) -> None:
        """Takes the next inputs, on the networks' device.

        Raises:
            ValueError: For layers with different numbers of samples.
        """
        activations = []
        for reader in self._readers:
            with naming(reader.role):
                activations.append(
                    ops.network_activations(
                        reader.architecture,
                        reader.parameters,
                        chunk,
                        self._settings.operator_positions,
                        self._settings.seed,
                        self._num_inputs,
                    )
                )
        for layer, (a, b) in enumerate(zip(*activations, strict=True)):
            if len(a) != len(b):
                raise ValueError(
                    f"the samples of hidden layer {layer} must be the same for both networks, got "
                    f"{len(a) / len(chunk):g} an input (network a) and {len(b) / len(chunk):g} (network b)"
                )
            if not self._num_inputs:
                self._layers.append(_LayerCorrelations(a[0].clone(), b[0].clone()))
            self._layers[layer].add(a, b)
        self._num_inputs += len(chunk)

    def similarities(self) -> list[Tensor]:
        """Of every hidden layer, on the networks' device."""
        return [layer.correlations() for layer in self._layers]
