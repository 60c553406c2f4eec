"""Copies of a network that compute the same function: units permuted, units rescaled."""

import copy

import numpy as np
import torch
from torch import nn

from .canonical import along, compensate, find_owners, find_receiver
from .hooks import BATCH_NORM, hidden_layers, leaves, module_outputs


def permuted(
    model: nn.Sequential, inputs: torch.Tensor, rng: np.random.Generator
) -> tuple[nn.Sequential, list[np.ndarray]]:
    """A copy with the units of every hidden layer in another order, and the orders: unit j of the copy was order[j].

    Not for GroupNorm or grouped convolutions behind a hidden layer, which tie units to their place.
    """
    model = copy.deepcopy(model)
    modules, outputs = leaves(model), module_outputs(model, inputs)
    orders = []
    with torch.no_grad():
        for layer in hidden_layers(modules):
            affine = modules[layer.affine]
            order = torch.from_numpy(rng.permutation(affine.weight.shape[0]))
            orders.append(order.numpy())
            axis = -1 if isinstance(affine, nn.Linear) else 0
            for tensor in affine.parameters():
                tensor.copy_(tensor[order])
            columns = order
            for index in range(layer.affine + 1, layer.next_affine):
                module = modules[index]
                assert not isinstance(module, nn.GroupNorm)
                if isinstance(module, nn.Flatten):
                    shape = outputs[index - 1].shape[1:]
                    places = torch.arange(shape.numel()).reshape(shape)
                    columns = places.index_select(axis, order).flatten()
                    assert outputs[index].dim() == 2
                for tensor in [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
                    if tensor.dim() and tensor.numel() > 1:
                        tensor.copy_(tensor.index_select(axis, columns))
            following = modules[layer.next_affine]
            assert getattr(following, "groups", 1) == 1
            following.weight.copy_(following.weight[:, columns])
    return model, orders


def rescaled(
    model: nn.Sequential, inputs: torch.Tensor, rng: np.random.Generator, *, powers_of_two: bool = True
) -> nn.Sequential:
    """A copy with units multiplied by positive factors that later layers take back, wherever something can."""
    model = copy.deepcopy(model)
    modules, outputs = leaves(model), module_outputs(model, inputs)
    with torch.no_grad():
        for layer in hidden_layers(modules):
            affine = modules[layer.affine]
            following = layer.affine if layer.folded is None else layer.folded
            receiver = find_receiver(modules, following + 1, layer.next_affine)
            source = modules[following]
            if receiver is None or (isinstance(source, BATCH_NORM) and not source.affine):
                continue
            exponents = rng.uniform(-3, 3, affine.weight.shape[0])
            factor = torch.from_numpy(2.0 ** (np.round(exponents) if powers_of_two else exponents))
            factor = factor.to(affine.weight.dtype)
            owner = find_owners(modules, outputs, layer.affine, receiver)
            source.weight.mul_(along(factor, source.weight))
            if source.bias is not None:
                source.bias.mul_(factor)
            compensate(modules[receiver], owner, 1 / factor)
    return model


def permutable(model: nn.Sequential) -> bool:
    """Whether `permuted` can be asked for this network."""
    return not any(
        isinstance(module, nn.GroupNorm)
        or getattr(module, "groups", 1) > 1
        or (isinstance(module, nn.Flatten | nn.Unflatten) and index and not _is_full_flatten(module))
        for index, module in enumerate(leaves(model))
    )


def _is_full_flatten(module: nn.Module) -> bool:
    return isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1)
