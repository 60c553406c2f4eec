"""Comparisons that reports are made of."""

import copy
from typing import Any

import funcsim
import torch
from funcsim.settings import Settings
from torch import nn


def networks() -> tuple[nn.Sequential, nn.Sequential, torch.Tensor]:
    """Two networks with dead units, units that are always on, duplicates, and units of b without a partner."""
    torch.manual_seed(0)
    a = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 3))
    b = nn.Sequential(nn.Linear(8, 30), nn.ReLU(), nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 3))
    with torch.no_grad():
        for layer in (0, 2, 4):
            mine, other = a[layer], b[layer]
            other.weight[: len(mine.weight), : mine.weight.shape[1]] = mine.weight
            other.bias[: len(mine.bias)] = mine.bias
            other.weight += 0.05 * torch.randn_like(other.weight)
        a[0].bias[3] = b[0].bias[3] = -50.0  # dead in both
        a[0].bias[5] = -50.0
        b[2].bias[4] = 50.0  # always on
        a[2].weight[9], a[2].bias[9] = a[2].weight[8], a[2].bias[8]  # a duplicate
    return a, b, torch.randn(600, 8)


def comparison(**options: Any) -> funcsim.Comparison:
    """Of these networks."""
    a, b, inputs = networks()
    return funcsim.compare(a, b, inputs, **options)


def stability() -> funcsim.Stability:
    """Of the first."""
    a, _, inputs = networks()
    return funcsim.stability(a, inputs, sigmas=(0.01,))


def itself() -> funcsim.Comparison:
    """A network against itself."""
    a, _, inputs = networks()
    return funcsim.compare(a, copy.deepcopy(a), inputs)


def made_up(num_layers: int = 1, units: int = 4, **changes: Any) -> funcsim.Comparison:
    """A comparison of any size with made-up numbers."""
    generator = torch.Generator().manual_seed(1)
    samples = 1000

    def layer(place: int) -> funcsim.LayerComparison:
        similarities = torch.rand(units, generator=generator)
        score = similarities.double().mean().item()
        return funcsim.LayerComparison(
            name_a=f"{2 * place}",
            name_b=f"blocks.{place}.linear",
            units_a=units,
            units_b=units,
            num_samples=samples,
            score=score,
            chance=0.3,
            adjusted=(score - 0.3) / 0.7,
            standard_error=0.0,
            coverage_a=score,
            coverage_b=score,
            matches=torch.stack([torch.arange(units), torch.randperm(units, generator=generator)], dim=1),
            similarities=similarities,
            dead_a=0,
            dead_b=0,
            always_on_a=0,
            always_on_b=0,
            duplicates_a=0,
            duplicates_b=0,
            counts_a=torch.randint(1, samples, (units,), generator=generator),
            counts_b=torch.randint(1, samples, (units,), generator=generator),
            duplicate_of_a=torch.full((units,), -1),
            duplicate_of_b=torch.full((units,), -1),
            chance_similarities=torch.rand(units, generator=generator) / 2,
        )

    every = tuple(layer(place) for place in range(num_layers))
    matrix = torch.rand(num_layers, num_layers, generator=generator, dtype=torch.float64)
    names_a, names_b = (tuple(getattr(one, f"name_{network}") for one in every) for network in "ab")
    values: dict[str, Any] = {
        "score": 0.5,
        "chance": 0.3,
        "adjusted": 2 / 7,
        "standard_error": 0.0,
        "method": "exact",
        "similarity": "jaccard",
        "num_inputs": samples,
        "settings": Settings(),
        "versions": {"funcsim": funcsim.__version__, "torch": torch.__version__},
        "layers": every,
        "unmatched_a": (),
        "unmatched_b": (),
        "layer_similarity": funcsim.LayerSimilarity(
            names_a, names_b, matrix, matrix / 2, matrix, "exact", "jaccard", samples
        ),
    }
    return funcsim.Comparison(**{**values, **changes})
