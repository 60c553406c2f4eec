"""Copies of a network that compute the same function: units permuted, units rescaled."""

import copy

import numpy as np
import torch
from torch import nn

from .canonical import along, compensate, find_owners, find_receiver
from .hooks import AFFINE, BATCH_NORM, hidden_layers, leaves, module_outputs


def permuted(
    model: nn.Sequential, inputs: torch.Tensor, rng: np.random.Generator
) -> tuple[nn.Sequential, list[np.ndarray]]:
    """A copy with the units of every hidden layer in another order, and the orders: unit j of the copy was order[j].

    Not for GroupNorm or grouped convolutions behind a hidden layer, which tie units to their place: see `moved`.
    """
    assert permutable(model)
    modules = leaves(model)
    orders = [rng.permutation(modules[layer.affine].weight.shape[0]) for layer in hidden_layers(modules)]
    return moved(model, inputs, orders), orders


def moved(model: nn.Sequential, inputs: torch.Tensor, orders: list[np.ndarray]) -> nn.Sequential:
    """A copy with the units of every hidden layer in these orders, which the network's groups must allow.

    Grouped convolutions are written as the convolutions without groups that they are, zeros in between, permuted, and
    read off again.
    """
    model = copy.deepcopy(model)
    modules, outputs = leaves(model), module_outputs(model, inputs)
    with torch.no_grad():
        dense = {id(module): _ungrouped(module) for module in modules if isinstance(module, AFFINE)}
        for layer, units in zip(hidden_layers(modules), orders, strict=True):
            affine = modules[layer.affine]
            order = torch.from_numpy(units)
            axis = -1 if isinstance(affine, nn.Linear) else 0
            dense[id(affine)] = dense[id(affine)][order]
            if affine.bias is not None:
                affine.bias.copy_(affine.bias[order])
            columns = order
            for index in range(layer.affine + 1, layer.next_affine):
                module = modules[index]
                if isinstance(module, nn.Flatten):
                    shape = outputs[index - 1].shape[1:]
                    places = torch.arange(shape.numel()).reshape(shape)
                    columns = places.index_select(axis, order).flatten()
                    assert outputs[index].dim() == 2
                for tensor in [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
                    if tensor.dim() and tensor.numel() > 1:
                        tensor.copy_(tensor.index_select(axis, columns))
            following = modules[layer.next_affine]
            dense[id(following)] = dense[id(following)][:, columns]
        for module in modules:
            if id(module) in dense:
                _set_ungrouped(module, dense[id(module)])
    return model


def _ungrouped(affine: nn.Module) -> torch.Tensor:
    groups = getattr(affine, "groups", 1)
    outs, ins = (size // groups for size in (affine.weight.shape[0], affine.weight.shape[1] * groups))
    dense = affine.weight.new_zeros(affine.weight.shape[0], ins * groups, *affine.weight.shape[2:])
    for g in range(groups):
        dense[g * outs : (g + 1) * outs, g * ins : (g + 1) * ins] = affine.weight[g * outs : (g + 1) * outs]
    return dense


def _set_ungrouped(affine: nn.Module, dense: torch.Tensor) -> None:
    groups = getattr(affine, "groups", 1)
    outs, ins = (size // groups for size in dense.shape[:2])
    for g in range(groups):
        affine.weight[g * outs : (g + 1) * outs] = dense[g * outs : (g + 1) * outs, g * ins : (g + 1) * ins]
    assert torch.equal(_ungrouped(affine), dense), "groups do not allow this order"


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
