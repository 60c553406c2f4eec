"""Copies of a network: those that compute the same from other weights, and those that are damaged."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from .measures.activations import AFFINE, NORMS


@dataclass(frozen=True)
class Copy:
    """A network's copy.

    Attributes:
        model: The copy.
        orders: For each hidden layer, which unit of the original each unit of the copy is.
    """

    model: nn.Sequential
    orders: list[Tensor]


Affine = nn.Linear | nn.Conv1d | nn.Conv2d


def _affine(model: nn.Sequential) -> list[tuple[int, Affine]]:
    return [(index, module) for index, module in enumerate(model) if isinstance(module, AFFINE)]


def hidden_units(model: nn.Sequential) -> list[int]:
    """Of each hidden layer."""
    return [len(layer.weight) for _, layer in _affine(model)[:-1]]


def same_order(model: nn.Sequential) -> Copy:
    """A deep copy."""
    return Copy(copy.deepcopy(model), [torch.arange(units) for units in hidden_units(model)])


def rearranged(model: nn.Sequential, orders: Sequence[Tensor], factors: Sequence[Tensor]) -> Copy:
    """The same function with units in other orders and on other scales.

    Args:
        model: Of Linear, convolutions, BatchNorm, PReLU, ReLU, pooling, padding and Flatten.
        orders: Of each hidden layer.
        factors: Above 0: what comes into the unit at each place is multiplied by it, what goes out divided.
    """
    model = copy.deepcopy(model)
    with torch.no_grad():
        for ((index, layer), (end, receiver)), order, factor in zip(
            pairwise(_affine(model)), orders, factors, strict=True
        ):
            # BatchNorm would undo a factor before it: its weight and bias take it.
            scaled = model[index + 1] if isinstance(model[index + 1], NORMS) else layer
            between = [module for module in model[index:end] if isinstance(module, (*AFFINE, *NORMS, nn.PReLU))]
            for module in between:
                for tensor in [*module.parameters(), *module.buffers()]:
                    if tensor.dim() > 0 and len(tensor) == len(order):
                        tensor.copy_(tensor[order])
            for tensor in scaled.parameters():
                tensor.mul_(factor.reshape(-1, *[1] * (tensor.dim() - 1)))
            outgoing = receiver.weight.view(len(receiver.weight), len(order), -1)
            outgoing.copy_(outgoing[:, order])
            # A BatchNorm elsewhere takes the compensation.
            taker = next((module for module in between if isinstance(module, NORMS) and module is not scaled), None)
            if taker is None:
                outgoing.div_(factor[None, :, None])
            else:
                taker.get_buffer("running_mean").mul_(factor)
                taker.weight.div_(factor)
    return Copy(model, list(orders))


def random_orders(model: nn.Sequential, seed: int) -> list[Tensor]:
    """One for each hidden layer."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randperm(units, generator=generator) for units in hidden_units(model)]


def random_factors(model: nn.Sequential, seed: int, powers_of_two: bool = False) -> list[Tensor]:
    """From 1/8 to 8, one for each unit."""
    generator = torch.Generator().manual_seed(seed)
    exponents = [6 * torch.rand(units, generator=generator) - 3 for units in hidden_units(model)]
    return [2 ** (exponent.round() if powers_of_two else exponent) for exponent in exponents]


def noisy(model: nn.Sequential, sigma: float, seed: int) -> Copy:
    """With noise of ``sigma`` times the RMS of each weight and bias of affine layers."""
    result = same_order(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, layer in _affine(result.model):
            for tensor in layer.parameters():
                tensor.add_(sigma * tensor.square().mean().sqrt() * torch.randn(tensor.shape, generator=generator))
    return result


def int8(model: nn.Sequential) -> Copy:
    """Weights of affine layers rounded to 255 values, symmetric around 0, for each output channel."""
    result = same_order(model)
    with torch.no_grad():
        for _, layer in _affine(result.model):
            weight = layer.weight
            step = (weight.flatten(1).abs().amax(dim=1) / 127).reshape(-1, *[1] * (weight.dim() - 1))
            weight.copy_(torch.where(step > 0, (weight / step).round() * step, weight))
    return result


def bfloat16(model: nn.Sequential) -> Copy:
    """All tensors rounded to bfloat16; computed in float32."""
    result = same_order(model)
    with torch.no_grad():
        for tensor in [*result.model.parameters(), *result.model.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(tensor.bfloat16().float())
    return result


def pruned(model: nn.Sequential, share: float) -> Copy:
    """The smallest weights of each affine layer set to 0."""
    result = same_order(model)
    with torch.no_grad():
        for _, layer in _affine(result.model):
            weight = layer.weight
            smallest = weight.abs().flatten().argsort()[: round(share * weight.numel())]
            weight.view(-1)[smallest] = 0
    return result
