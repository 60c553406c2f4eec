"""Random MLPs and CNNs: depth, widths, norms, activations and pooling drawn from a seed."""

import numpy as np
import torch
from torch import nn

from .hooks import module_outputs
from .networks import randomise


def random_mlp(
    seed: int, inputs: int | None = None, dtype: torch.dtype = torch.float64
) -> tuple[nn.Sequential, torch.Tensor]:
    """An MLP of random depth, widths, activations and norms (any of the design), with 40 inputs."""
    rng = np.random.default_rng(seed)
    width = inputs or int(rng.integers(2, 9))
    first = width
    modules: list[nn.Module] = []
    for _ in range(int(rng.integers(1, 5))):
        units = int(rng.integers(1, 12))
        modules.append(nn.Linear(width, units, bias=bool(rng.integers(2))))
        norm = rng.integers(5)
        if norm < 2:
            modules.append(nn.BatchNorm1d(units, affine=bool(norm)))
        elif norm == 2 and units > 1:
            modules.append(nn.LayerNorm(units))
        modules.append(_random_activation(rng, units))
        if rng.integers(4) == 0:
            modules.append(nn.BatchNorm1d(units, affine=bool(rng.integers(2))))
        width = units
    modules.append(nn.Linear(width, int(rng.integers(1, 5))))
    return _finished(modules, seed, (first,), dtype)


def random_cnn(seed: int, dtype: torch.dtype = torch.float64) -> tuple[nn.Sequential, torch.Tensor]:
    """A 1d or 2d CNN of random layers that ends in Flatten and two Linears, with 40 inputs."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 3))
    conv, batch_norm = (nn.Conv1d, nn.BatchNorm1d) if d == 1 else (nn.Conv2d, nn.BatchNorm2d)
    pools = (
        (nn.MaxPool1d(2, 1), nn.AvgPool1d(2, 1), nn.AdaptiveMaxPool1d(4), nn.AdaptiveAvgPool1d(5), nn.ZeroPad1d(1))
        if d == 1
        else (nn.MaxPool2d(2, 1), nn.AvgPool2d(2, 1), nn.AdaptiveMaxPool2d(4), nn.AdaptiveAvgPool2d(5), nn.ZeroPad2d(1))
    )
    first = channels = int(rng.choice([1, 2, 4]))
    modules: list[nn.Module] = []
    for _ in range(int(rng.integers(1, 4))):
        units = int(rng.choice([2, 4, 6]))
        groups = int(rng.choice([g for g in (1, 2) if channels % g == 0]))
        padding = ["same", 0, 1][rng.integers(3)]
        kernel = 1 if padding == 0 else 3
        mode = ["zeros", "reflect", "replicate", "circular"][rng.integers(4)]
        bias = bool(rng.integers(2))
        modules.append(conv(channels, units, kernel, padding=padding, groups=groups, padding_mode=mode, bias=bias))
        norm = rng.integers(4)
        if norm < 2:
            modules.append(batch_norm(units, affine=bool(norm)))
        elif norm == 2:
            modules.append(nn.GroupNorm(2, units))
        modules.append(_random_activation(rng, units))
        if rng.integers(2):
            modules.append(pools[rng.integers(len(pools))])
        if rng.integers(4) == 0:
            modules.append(batch_norm(units))
        channels = units
    shape = (first, *[6] * d)
    flat = module_outputs(nn.Sequential(*modules), torch.zeros(1, *shape))[-1].numel()
    modules += [nn.Flatten(), nn.Linear(flat, 5), nn.ReLU(), nn.Linear(5, 2)]
    return _finished(modules, seed, shape, dtype)


def _random_activation(rng: np.random.Generator, units: int) -> nn.Module:
    choices = [nn.ReLU, nn.ReLU, nn.LeakyReLU, lambda: nn.PReLU(units), nn.Tanh, nn.GELU, nn.Identity]
    return choices[rng.integers(len(choices))]()


def _finished(
    modules: list[nn.Module], seed: int, shape: tuple[int, ...], dtype: torch.dtype
) -> tuple[nn.Sequential, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(*modules).double().eval()
    randomise(model, generator)
    inputs = torch.randn(40, *shape, generator=generator, dtype=torch.float64)
    return model.to(dtype), inputs.to(dtype)
