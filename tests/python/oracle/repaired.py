"""What repair sets in a network, measured with PyTorch's own modules and hooks."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from . import hooks


@dataclass(frozen=True)
class Statistics:
    """Of one step of repair: values ``[samples, units]`` whose moments repair sets, and whether means are set."""

    place: int
    values: np.ndarray
    sets_means: bool
    reachable: np.ndarray | bool = True  # a BatchNorm can't make deviations 0, nor larger than its eps lets it
    outputs: np.ndarray | None = None  # of a BatchNorm: what it makes of the values by its weight
    weight: np.ndarray | float = 1.0  # and bias
    bias: np.ndarray | float = 0.0


def statistics(model: nn.Sequential, inputs: Tensor) -> list[Statistics]:
    """What repair sets, by PyTorch's hooks."""
    modules = hooks.leaves(model)
    outputs = [inputs, *hooks.module_outputs(model, inputs)]
    layers = {layer.preactivation: layer for layer in hooks.hidden_layers(modules)}
    found = []
    for place, module in enumerate(modules):
        if isinstance(module, hooks.BATCH_NORM):
            x = outputs[place].movedim(1, -1)
            values = (x - module.running_mean) / torch.sqrt(module.running_var + module.eps)
            values = values.reshape(-1, values.shape[-1]).numpy()
            reachable = (module.running_var > 0).numpy() & (values.std(axis=0) > 1e-9)
            out = outputs[place + 1].movedim(1, -1).reshape(-1, values.shape[-1]).numpy()
            factors = (module.weight.detach().numpy(), module.bias.detach().numpy()) if module.affine else (1.0, 0.0)
            found.append(Statistics(place, values, True, reachable, out, *factors))
        elif place in layers:
            affine = modules[layers[place].affine]
            z = hooks.units_last(outputs[place + 1], affine)
            values = z.reshape(-1, z.shape[-1]).numpy()
            bias = getattr(module, "bias", None)
            weight = getattr(module, "weight", None)
            if module is affine:
                found.append(Statistics(place, values, sets_means=bias is not None))
            elif weight is not None and bias is not None and _is_of_units(module, affine, outputs[place + 1]):
                found.append(Statistics(place, values, sets_means=True))
    return found


def _is_of_units(norm: nn.Module, affine: nn.Module, output: Tensor) -> bool:
    """Whether a norm's weight has numbers for units, rather than for positions."""
    if isinstance(norm, nn.GroupNorm):
        return not isinstance(affine, nn.Linear) or output.dim() == 2
    return isinstance(affine, nn.Linear) or len(norm.normalized_shape) == output.dim() - 1


def assert_repaired(models: list[nn.Sequential], weights: list[float], inputs: Tensor, result: nn.Sequential) -> int:
    """The merged network's statistics are the weighted means of its parents'. Returns how many were looked at."""
    expected = [statistics(model, inputs) for model in models]
    got = statistics(result, inputs)
    for ours, *theirs in zip(got, *expected, strict=True):
        size = max(1.0, *(np.abs(parent.values).max() for parent in theirs))
        deviations = sum(w * parent.values.std(axis=0) for w, parent in zip(weights, theirs, strict=True))
        varies = ours.values.std(axis=0) > 1e-9 * size
        varies &= ours.reachable & ((deviations > 1e-9 * size) | (ours.reachable is True))
        np.testing.assert_allclose(ours.values.std(axis=0)[varies], deviations[varies], rtol=0, atol=1e-8 * size)
        if ours.sets_means:
            means = sum(w * parent.values.mean(axis=0) for w, parent in zip(weights, theirs, strict=True))
            np.testing.assert_allclose(ours.values.mean(axis=0), means, rtol=0, atol=1e-8 * size)
        if ours.outputs is not None:  # by weighted means of the weights and biases
            weight = sum(w * parent.weight for w, parent in zip(weights, theirs, strict=True))
            bias = sum(w * parent.bias for w, parent in zip(weights, theirs, strict=True))
            atol = 1e-8 * size * max(1.0, np.abs(weight).max())
            np.testing.assert_allclose(ours.outputs.mean(axis=0), weight * means + bias, rtol=0, atol=atol)
            expected_deviations = (np.abs(weight) * deviations)[varies]
            np.testing.assert_allclose(ours.outputs.std(axis=0)[varies], expected_deviations, rtol=0, atol=atol)
    return len(got)
