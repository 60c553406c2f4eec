"""Copies of networks with other parameters."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from .describe import read_items


def check_settable(name: str, model: nn.Module) -> None:
    """Checks that a network's weights can be set.

    Args:
        name: Of the function, for messages.
        model: The network.

    Raises:
        ValueError: For parametrised modules (``torch.nn.utils.parametrize``), whose weights are computed.
    """
    for place, module in model.named_modules():
        if is_parametrized(module):
            raise ValueError(
                f"{name}: module {place} is parametrised, so its weights are computed and can't be set; "
                f"torch.nn.utils.parametrize.remove_parametrizations makes them permanent"
            )


def copy_with(model: nn.Sequential, values: Sequence[Tensor]) -> nn.Sequential:
    """A deep copy with these parameters, in the order of :func:`describe.parameters`. Gradients are not copied."""
    result = copy.deepcopy(model)
    targets = (tensor for item in read_items(result) for tensor in item.tensors.values())
    for target, value in zip(targets, values, strict=True):
        # New memory, since tensors of the original, and so of its copy, may overlap.
        target.data = torch.empty_like(target).copy_(value)
    return result
