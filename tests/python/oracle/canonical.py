"""The canonical form of a torch Sequential in float64, by tracking which unit owns which number."""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from .hooks import BATCH_NORM, NORM, TRANSPARENT, hidden_layers, leaves, module_outputs

ELEMENTWISE_HOMOGENEOUS = (nn.ReLU, nn.LeakyReLU, *TRANSPARENT)
CHANNELWISE_HOMOGENEOUS = (
    *(getattr(nn, f"{kind}Pool{d}d") for kind in ("Max", "Avg", "AdaptiveAvg", "AdaptiveMax") for d in (1, 2, 3)),
    *(getattr(nn, f"ZeroPad{d}d") for d in (1, 2, 3)),
    nn.Upsample,
)
RESHAPING = (nn.Flatten, nn.Unflatten)


class UnitLostError(Exception):
    """Numbers of different units meet where one factor must serve them all."""


@dataclass(frozen=True)
class Canonical:
    """A canonical network and the scale of every unit of its hidden layers."""

    model: nn.Sequential
    scales: list[torch.Tensor]
    is_scaled: list[bool]


def canonicalize(model: nn.Sequential, inputs: torch.Tensor) -> Canonical:
    """Canonical form of a float64 copy.

    Args:
        model: A Sequential.
        inputs: An example input, to know the shapes.
    """
    model = copy.deepcopy(model).double().eval()
    modules = leaves(model)
    outputs = module_outputs(model, inputs.double())
    scales, is_scaled = [], []
    with torch.no_grad():
        for layer in hidden_layers(modules):
            affine = modules[layer.affine]
            if layer.folded is not None:
                _fold(affine, modules[layer.folded])
            norms = affine.weight.flatten(1).norm(dim=1)
            scale = torch.where(norms == 0, torch.ones_like(norms), norms)
            first = layer.affine if layer.folded is None else layer.folded
            receiver = find_receiver(modules, first + 1, layer.next_affine)
            if receiver is None:
                scale = torch.ones_like(norms)
            else:
                owner = find_owners(modules, outputs, layer.affine, receiver)
                _divide(affine, None if layer.folded is None else modules[layer.folded], scale)
                compensate(modules[receiver], owner, scale)
            scales.append(scale)
            is_scaled.append(receiver is not None)
    return Canonical(model, scales, is_scaled)


def along(vector: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A vector shaped to scale the rows of a weight."""
    return vector.reshape(-1, *[1] * (weight.dim() - 1))


def _fold(affine: nn.Module, norm: nn.Module) -> None:
    gain = (norm.running_var + norm.eps).rsqrt()
    shift = torch.zeros_like(gain)
    if norm.affine:
        gain, shift = gain * norm.weight, norm.bias.clone()
    shift = shift - norm.running_mean * gain
    affine.weight.mul_(along(gain, affine.weight))
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
    if norm.affine:
        norm.weight.fill_(1)
        norm.bias.zero_()
    if affine.bias is not None:
        affine.bias.mul_(gain).add_(shift)
    else:
        norm.running_mean.sub_(shift)


def find_receiver(modules: list[nn.Module], start: int, next_affine: int) -> int | None:
    """Who takes up the compensation: the first BatchNorm on the way or the next affine layer; None if nobody can."""
    for index in range(start, next_affine):
        module = modules[index]
        if isinstance(module, BATCH_NORM):
            return index if module.affine else None
        homogeneous = (*ELEMENTWISE_HOMOGENEOUS, *CHANNELWISE_HOMOGENEOUS, *RESHAPING, nn.PReLU)
        if isinstance(module, NORM) or not isinstance(module, homogeneous):
            return None
    return next_affine


def find_owners(modules: list[nn.Module], outputs: list[torch.Tensor], affine: int, receiver: int) -> torch.Tensor:
    """The unit that every number in the receiver's input belongs to, int64 in the shape of one input."""
    shape = outputs[affine].shape[1:]
    units = torch.arange(modules[affine].weight.shape[0])
    owner = units if isinstance(modules[affine], nn.Linear) else units.reshape(-1, *[1] * (len(shape) - 1))
    owner = owner.expand(shape).contiguous()
    for index in range(affine + 1, receiver):
        module = modules[index]
        if isinstance(module, RESHAPING):
            owner = module(owner[None])[0]
        elif isinstance(module, CHANNELWISE_HOMOGENEOUS):
            shape = outputs[index].shape[1:]
            owner = _one_per_channel(owner).reshape(-1, *[1] * (len(shape) - 1)).expand(shape).contiguous()
        elif isinstance(module, nn.PReLU) and module.num_parameters > 1:
            _one_per_channel(owner)
    return owner


def _one_per_channel(owner: torch.Tensor) -> torch.Tensor:
    flat = owner.reshape(len(owner), -1)
    if not (flat == flat[:, :1]).all():
        raise UnitLostError
    return flat[:, 0]


def _divide(affine: nn.Module, norm: nn.Module | None, scale: torch.Tensor) -> None:
    affine.weight.div_(along(scale, affine.weight))
    if affine.bias is not None:
        affine.bias.div_(scale)
    elif norm is not None:
        norm.running_mean.div_(scale)


def compensate(receiver: nn.Module, owner: torch.Tensor, scale: torch.Tensor) -> None:
    """Lets the receiver multiply what each unit gives it by the unit's scale."""
    if isinstance(receiver, BATCH_NORM):
        factor = scale[_one_per_channel(owner)]
        receiver.weight.mul_(factor)
        receiver.running_mean.div_(factor)
    elif isinstance(receiver, nn.Linear):
        owner = owner.reshape(-1, owner.shape[-1])
        if not (owner == owner[:1]).all():
            raise UnitLostError
        receiver.weight.mul_(scale[owner[0]])
    else:
        factor = scale[_one_per_channel(owner)].reshape(receiver.groups, -1)
        outs = receiver.out_channels // receiver.groups
        per_out = factor.repeat_interleave(outs, dim=0)
        receiver.weight.mul_(per_out.reshape(*per_out.shape, *[1] * (receiver.weight.dim() - 2)))
