"""What units do: the outputs of their activation functions, which all measures but funcsim's compare."""

import torch
from torch import Tensor, nn

AFFINE = (nn.Linear, nn.Conv1d, nn.Conv2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
POSITIONS = 16  # of a convolution's grid, for each input: as many as funcsim looks at


def hidden_activations(model: nn.Sequential, inputs: Tensor, batch: int = 1000) -> list[Tensor]:
    """The outputs of the module behind each hidden layer's affine one, BatchNorms skipped.

    Args:
        model: Of Linear, Conv1d, Conv2d, BatchNorm, activation functions, pooling, padding and Flatten.
        inputs: float32 ``[n, ...]``.
        batch: Inputs that are computed at once.

    Returns:
        For each hidden layer float32 ``[samples, units]``. Samples are the inputs of a Linear, and ``POSITIONS`` random
        places of a convolution's grid for each input, the same for every network.
    """
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(len(inputs), POSITIONS, 2, generator=generator)
    parts = [
        _activations_of_batch(model, inputs[first : first + batch], points[first : first + batch])
        for first in range(0, len(inputs), batch)
    ]
    return [torch.cat(layers) for layers in zip(*parts, strict=True)]


def _activations_of_batch(model: nn.Sequential, inputs: Tensor, points: Tensor) -> list[Tensor]:
    found: list[Tensor] = []
    waiting = False
    value = inputs
    with torch.no_grad():
        for module in model:
            value = module(value)
            if isinstance(module, AFFINE):
                waiting = True
            elif waiting and not isinstance(module, NORMS):
                found.append(_at_points(value, points))
                waiting = False
    return found


def _at_points(value: Tensor, points: Tensor) -> Tensor:
    """[inputs, units, grid...] at each input's points of the unit square, as rows of units."""
    if value.dim() == 2:
        return value
    grid = value.shape[2:]
    flat = torch.zeros(points.shape[:2], dtype=torch.int64)
    for axis, size in enumerate(grid):
        flat = flat * size + (points[:, :, axis] * size).long()
    taken = value.flatten(2).gather(2, flat[:, None, :].expand(-1, value.shape[1], -1))
    return taken.transpose(1, 2).reshape(-1, value.shape[1])


def weighted_mean(values: list[float], units: list[int]) -> float:
    """Of layers, as funcsim's score weighs them."""
    return sum(value * count for value, count in zip(values, units, strict=True)) / sum(units)
