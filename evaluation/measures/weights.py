"""Mean cosine of matched units' incoming weights: matching by weights alone, layer by layer."""

import funcsim
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from .activations import AFFINE, NORMS


def canonical_weights(model: nn.Sequential) -> list[Tensor]:
    """Of each hidden layer: weights and bias coming in, BatchNorm included, on the canonical scale.

    Returns:
        float64 ``[units, inputs of the layer, weights for each]`` and, as one more input, the bias: inputs are the
        units of the layer before, or pixels.
    """
    found: list[Tensor] = []
    modules = [*funcsim.canonicalize(model)]
    affine = [index for index, module in enumerate(modules) if isinstance(module, AFFINE)]
    before = 0
    for index in affine[:-1]:
        layer = modules[index]
        weight = layer.weight.double().flatten(1)
        units = len(weight)
        bias = layer.bias.double() if layer.bias is not None else torch.zeros(units, dtype=torch.float64)
        behind = modules[index + 1]
        if isinstance(behind, NORMS):  # the identity by now, but for a shift
            bias = bias + behind.bias.double() - behind.get_buffer("running_mean").double()
        inputs = before or layer.weight.shape[1]
        blocks = weight.reshape(units, inputs, -1)
        last = torch.zeros(units, 1, blocks.shape[2], dtype=torch.float64)
        last[:, 0, 0] = bias
        found.append(torch.cat([blocks, last], dim=1).detach())
        before = units
    return found


def matched_cosine(a: list[Tensor], b: list[Tensor]) -> list[float]:
    """For each layer, the mean cosine of matched units, b's inputs put into the order matched for the layer before."""
    order: Tensor | None = None
    means = []
    for layer_a, layer_b in zip(a, b, strict=True):
        rows_b = layer_b if order is None else torch.cat([layer_b[:, order], layer_b[:, -1:]], dim=1)
        rows = [nn.functional.normalize(layer.flatten(1), dim=1) for layer in (layer_a, rows_b)]
        cosines = rows[0] @ rows[1].T
        matched = torch.from_numpy(linear_sum_assignment(cosines.numpy(), maximize=True)[1])
        means.append(float(cosines[torch.arange(len(cosines)), matched].mean()))
        order = matched
    return means
