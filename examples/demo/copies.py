"""Copies of a network: one that computes the same function from other weights, and one with weights pruned away."""

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn

Affine = nn.Linear | nn.Conv2d


def permuted_and_rescaled(model: nn.Sequential, seed: int = 0) -> nn.Sequential:
    """The same function with every hidden layer's units in random order, each scaled by a random factor.

    What comes into a unit is multiplied by a factor between 1/8 and 8, what goes out of it divided by the same. Where a
    BatchNorm follows, its weight and bias are what comes in, since it would undo a factor before it.

    Args:
        model: Linear, Conv2d, BatchNorm, ReLU, MaxPool2d and Flatten layers.
        seed: Of orders and factors.
    """
    model = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    affine = [(index, module) for index, module in enumerate(model) if isinstance(module, Affine)]
    with torch.no_grad():
        for (index, layer), (_, receiver) in pairwise(affine):
            norm = model[index + 1]
            units = layer.weight.shape[0]
            order = torch.randperm(units, generator=generator)
            factor = 8 ** (2 * torch.rand(units, generator=generator) - 1)
            incoming: list[Tensor] = [*layer.parameters()]
            scaled = incoming
            if isinstance(norm, nn.BatchNorm2d):
                scaled = [norm.weight, norm.bias]
                incoming += [*scaled, *(buffer for buffer in norm.buffers() if buffer.dim() == 1)]
            for tensor in incoming:
                tensor.copy_(tensor[order])
            for tensor in scaled:
                tensor.mul_(factor.reshape(-1, *[1] * (tensor.dim() - 1)))
            # A unit owns one column, or one block of columns behind Flatten.
            outgoing = receiver.weight.view(receiver.weight.shape[0], units, -1)
            outgoing.copy_(outgoing[:, order] / factor.reshape(1, -1, 1))
    return model


def pruned(model: nn.Sequential, share: float) -> nn.Sequential:
    """A copy whose smallest weights are 0: ``share`` of the weights of each Linear and Conv2d."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for module in model:
            if isinstance(module, Affine):
                magnitudes = module.weight.abs()
                smallest = magnitudes.flatten().argsort()[: round(share * magnitudes.numel())]
                module.weight.view(-1)[smallest] = 0
    return model


def largest_deviation(a: nn.Sequential, b: nn.Sequential, inputs: Tensor) -> float:
    """Largest difference of two networks' outputs, relative to the largest output."""
    with torch.no_grad():
        expected, got = a(inputs), b(inputs)
    return float((expected - got).abs().max() / expected.abs().max())
