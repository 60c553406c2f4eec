"""Any module's hidden layers by PyTorch's hooks, told where they are: pre-activations, samples, bits, scores."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from .hashing import grid_points
from .matching import layer_score


@dataclass(frozen=True)
class Layer:
    """Where a hidden layer's pre-activations are.

    Attributes:
        module: Name of the module that gives them, for example a BatchNorm.
        call: Which of its calls, from 0.
        units: Their axis.
        inputs: The axis of inputs, which has nothing else.
    """

    module: str
    call: int = 0
    units: int = -1
    inputs: int = 0


def outputs(model: nn.Module, run: Callable[[], object]) -> dict[str, list[torch.Tensor]]:
    """All outputs of all modules in eval mode, by name. The modules' modes are put back."""
    found: dict[str, list[torch.Tensor]] = {}
    modes = {module: module.training for module in model.modules()}
    handles = [
        module.register_forward_hook(
            lambda _module, _args, output, name=name: found.setdefault(name, []).append(
                output.detach().clone() if isinstance(output, torch.Tensor) else output
            )
        )
        for name, module in model.named_modules()
    ]
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    model.eval()
    try:
        with torch.no_grad():
            run()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    return found


def bits(
    model: nn.Module,
    run: Callable[[], object],
    layers: list[Layer],
    positions: int | str = 16,
    seed: int = 0,
    mask: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Booleans ``[units, samples]`` of layers.

    Args:
        model: The module.
        run: Runs it on all inputs.
        layers: Where the pre-activations are.
        positions: "all", "any" or a number of points.
        seed: Of points.
        mask: bool ``[inputs, tokens]``, True for tokens, False for padding: for layers with a grid of these tokens.
    """
    found = outputs(model, run)
    result = []
    for layer in layers:
        z = found[layer.module][layer.call]
        z = z.movedim((layer.inputs, layer.units), (0, -1)).numpy()
        result.append(
            samples(z, positions, seed, mask if mask is not None and z.shape[1:-1] == mask.shape[1:] else None).T > 0
        )
    return result


def samples(z: np.ndarray, positions: int | str, seed: int, mask: np.ndarray | None) -> np.ndarray:
    """``[samples, units]`` of ``[inputs, grid..., units]``."""
    grid = z.shape[1:-1]
    flat = z.reshape(len(z), -1, z.shape[-1])
    rows = []
    for number, places in enumerate(flat):
        own, size = places, grid
        if mask is not None:
            own = places[mask[number]]
            size = (len(own),)
        if flat.shape[1] == 1:
            rows.append(places)
        elif positions == "any":
            rows.append(own.max(axis=0, keepdims=True))
        elif positions == "all":
            rows.append(own)
        else:
            rows.append(own[grid_points(number, 1, positions, size, seed)[0]])
    return np.concatenate(rows)


def jaccard(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Jaccard index of booleans ``[a, samples]`` and ``[b, samples]``: float64 ``[a, b]``; 1 for two empty sets."""
    both = a.astype(np.float64) @ b.astype(np.float64).T
    either = a.sum(axis=1)[:, None] + b.sum(axis=1)[None] - both
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def scores(a: list[np.ndarray], b: list[np.ndarray]) -> list[float]:
    """Scores of layers in order."""
    return [layer_score(jaccard(x, y)) for x, y in zip(a, b, strict=True)]
