"""What units do: the outputs of their activation functions, which all measures but funcsim's compare."""

import funcsim
import torch
from torch import Tensor, nn

AFFINE = (nn.Linear, nn.Conv1d, nn.Conv2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def hidden_activations(model: nn.Sequential, inputs: Tensor) -> list[Tensor]:
    """The outputs of the activation function behind each hidden layer, at the samples that funcsim looks at.

    Returns:
        For each hidden layer float32 ``[samples, units]``. Samples are the inputs of a Linear, and 16 places of a
        convolution's grid for each input, the same for every network.
    """
    found: list[Tensor] = torch.ops.funcsim.network_activations(
        funcsim.describe(model), funcsim.parameters(model), inputs
    )
    return found


def weighted_mean(values: list[float], units: list[int]) -> float:
    """Of layers, as funcsim's score weighs them."""
    return sum(value * count for value, count in zip(values, units, strict=True)) / sum(units)
