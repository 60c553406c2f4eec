"""What PyTorch itself computes: pre-activations of hidden layers by forward hooks, and the signatures they give."""

import itertools
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

AFFINE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
NORM = (*BATCH_NORM, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm)
DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
TRANSPARENT = (nn.Identity, *DROPOUT)


def leaves(model: nn.Module) -> list[nn.Module]:
    """The modules of a Sequential in the order they run, nested ones written flat, repeated ones repeated."""
    if isinstance(model, nn.Sequential):
        return [leaf for child in model for leaf in leaves(child)]
    return [model]


def module_outputs(model: nn.Sequential, inputs: torch.Tensor) -> list[torch.Tensor]:
    """The output of every leaf, in order, in eval mode. The model is left as it was."""
    outputs: list[torch.Tensor] = []
    handles = [
        leaf.register_forward_hook(lambda _module, _args, output: outputs.append(output.detach().clone()))
        for leaf in dict.fromkeys(leaves(model))
    ]
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # padding="same" with an even kernel warns
            model(inputs)
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    assert len(outputs) == len(leaves(model))
    return outputs


@dataclass(frozen=True)
class HiddenLayer:
    """Where a hidden layer is among the leaves, and the last normalisation that directly follows it."""

    affine: int
    preactivation: int
    folded: int | None
    next_affine: int


def hidden_layers(modules: list[nn.Module]) -> list[HiddenLayer]:
    """All affine layers but the last."""
    affine = [index for index, module in enumerate(modules) if isinstance(module, AFFINE)]
    layers = []
    for start, following in itertools.pairwise(affine):
        last, folded, index = start, None, start + 1
        while isinstance(modules[index], (*NORM, *TRANSPARENT)):
            if isinstance(modules[index], BATCH_NORM) and last == start:
                folded = index
            if isinstance(modules[index], NORM):
                last = index
            index += 1
        layers.append(HiddenLayer(start, last, folded, following))
    return layers


def units_last(output: torch.Tensor, affine: nn.Module) -> torch.Tensor:
    """``[N, units]`` or ``[N, grid..., units]`` from what a layer gave."""
    return output if isinstance(affine, nn.Linear) else output.movedim(1, -1)


def preactivations(model: nn.Sequential, inputs: torch.Tensor) -> list[np.ndarray]:
    """One array ``[N, positions, units]`` for each hidden layer, positions in row-major order of the grid."""
    modules = leaves(model)
    outputs = module_outputs(model, inputs)
    arrays = []
    for layer in hidden_layers(modules):
        z = units_last(outputs[layer.preactivation], modules[layer.affine])
        arrays.append(z.reshape(len(inputs), -1, z.shape[-1]).numpy())
    return arrays


def grids(model: nn.Sequential, inputs: torch.Tensor) -> list[tuple[int, ...]]:
    """The grid of each hidden layer: () for a Linear layer on ``[N, features]``."""
    modules = leaves(model)
    outputs = module_outputs(model, inputs)
    return [
        tuple(units_last(outputs[layer.preactivation], modules[layer.affine]).shape[1:-1])
        for layer in hidden_layers(modules)
    ]


def sampled(z: np.ndarray, positions: int, points: np.ndarray | None = None) -> np.ndarray:
    """``[samples, units]`` from ``[N, grid positions, units]``.

    Args:
        z: Pre-activations of one layer.
        positions: 0 for all, -1 for any (the largest of an input: it is above the threshold when any is), or P.
        points: For P, the grid position of each point, int ``[N, P]``.
    """
    if z.shape[1] == 1:
        return z[:, 0]
    if positions == 0:
        return z.reshape(-1, z.shape[-1])
    if positions == -1:
        return z.max(axis=1)
    assert points is not None
    assert points.shape == (len(z), positions)
    return np.take_along_axis(z, points[:, :, None], axis=1).reshape(-1, z.shape[-1])
