"""What the page's script draws: numbers of heat map, distributions and layers, as JSON takes them."""

from typing import Any

import torch
from torch import Tensor

from ..comparison import Comparison, LayerComparison
from ..layer_similarity import LayerSimilarity

BINS = 40


def plot_data(comparison: Comparison) -> dict[str, Any]:
    """Numbers of all plots but the units'. None stands for what isn't there."""
    lowest = -1.0 if comparison.similarity == "phi" else 0.0
    return {
        "similarity": comparison.similarity,
        "lowest": lowest,
        "layers": [_layer(layer, lowest) for layer in comparison.layers],
        "matrix": comparison_matrix(comparison),
    }


def layers_matrix(layers: LayerSimilarity) -> dict[str, Any]:
    """All layers of a against all of b, None for NaN."""
    numbers = {name: _rounded(getattr(layers, name)) for name in ("scores", "chances", "adjusted")}
    return {"names_a": list(layers.names_a), "names_b": list(layers.names_b), "complete": True, **numbers}


def comparison_matrix(comparison: Comparison) -> dict[str, Any]:
    """Layers of a against layers of b: all of them where they were compared, or else those that were paired."""
    if comparison.layer_similarity is not None:
        return layers_matrix(comparison.layer_similarity)
    names_a = [layer.name_a for layer in comparison.layers] + [layer.name for layer in comparison.unmatched_a]
    names_b = [layer.name_b for layer in comparison.layers] + [layer.name for layer in comparison.unmatched_b]
    values = {name: [[None] * len(names_b) for _ in names_a] for name in ("score", "chance", "adjusted")}
    for place, layer in enumerate(comparison.layers):
        for name, rows in values.items():
            rows[place][place] = round(getattr(layer, name), 6)
    return {
        "names_a": names_a,
        "names_b": names_b,
        "complete": False,
        "scores": values["score"],
        "chances": values["chance"],
        "adjusted": values["adjusted"],
    }


def _rounded(values: Tensor) -> list[list[float | None]]:
    """Six digits are more than anybody reads. None for NaN."""
    return [[None if value != value else round(value, 6) for value in row] for row in values.tolist()]  # noqa: PLR0124


def _layer(layer: LayerComparison, lowest: float) -> dict[str, Any]:
    pairs = len(layer.similarities)
    by_chance = layer.chance_similarities
    return {
        "name_a": layer.name_a,
        "name_b": layer.name_b,
        "score": layer.score,
        "chance": layer.chance,
        "interval": None if layer.interval is None else list(layer.interval),
        "standard_error": layer.standard_error,
        "pairs": pairs,
        "matched": _histogram(layer.similarities, lowest),
        "by_chance": None if by_chance is None else _histogram(by_chance, lowest),
        "mean": layer.similarities.double().mean().item(),
        "mean_by_chance": layer.chance * max(layer.units_a, layer.units_b) / pairs,
    }


def _histogram(similarities: Tensor, lowest: float) -> list[float]:
    """Shares of the pairs in BINS bins from the lowest similarity to 1."""
    counts = torch.histc(similarities.double(), bins=BINS, min=lowest, max=1.0)
    shares: list[float] = (counts / len(similarities)).tolist()
    return [round(share, 6) for share in shares]
