"""What a comparison can tell beside its scores: similarities under chance, and all layers against all."""

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor

from .comparison import Comparison
from .layer_similarity import comparable_layers
from .progress import SILENT, Progress
from .reading.layer_evidence import Evidence, LayerEvidence

ops = torch.ops.funcsim

# What details may cost where it isn't said whether they are wanted, in bits that are compared: what one core does in
# about a tenth of a second.
MOST_WORK = 1 << 38
# What matching costs for each pair of units, in such bits. It is most of the work, and more for layers that are unlike:
# 0.1 s for the 36 pairs of six layers of 128 units, twice, on 1797 samples.
MATCHING_BITS = 1 << 18

Pair = tuple[LayerEvidence, LayerEvidence]


def with_details(
    comparison: Comparison, a: Evidence, b: Evidence, details: bool | None, progress: Progress = SILENT
) -> Comparison:
    """The comparison with its details, as far as they are wanted.

    Args:
        comparison: Without.
        a: The evidence that it was made of.
        b: Of network b.
        details: True for all, False for none, None for those that cost little.
        progress: Is told what is done.
    """
    if details is False:
        return comparison
    by_name_a, by_name_b = ({layer.name: layer for layer in evidence.layers} for evidence in (a, b))
    pairs = [(by_name_a[layer.name_a], by_name_b[layer.name_b]) for layer in comparison.layers]
    every = [
        (layer_a, layer_b)
        for layer_a in a.layers
        for layer_b in b.layers
        if layer_a.samples_per_input == layer_b.samples_per_input
    ]
    if details or _work(pairs) <= MOST_WORK:
        progress.stage("matching units under chance")
        under_chance = _chance_similarities(a, b, pairs, comparison.similarity)
        layers = (
            replace(layer, chance_similarities=similarities)
            for layer, similarities in zip(comparison.layers, under_chance, strict=True)
        )
        comparison = replace(comparison, layers=tuple(layers))
    if details or _work(every) <= MOST_WORK:
        comparison = replace(comparison, layer_similarity=comparable_layers(a, b, comparison.similarity, progress))
    return comparison


def _work(pairs: Iterable[Pair]) -> int:
    """Bits that are compared for the scores of layers, and what matching costs."""
    return sum(a.units * b.units * (a.rows.shape[1] * a.rows.element_size() * 8 + MATCHING_BITS) for a, b in pairs)


def _chance_similarities(a: Evidence, b: Evidence, pairs: list[Pair], similarity: str) -> list[Tensor]:
    """Similarities of matched units where b's inputs are shuffled: float32 ``[k]`` of each pair of layers."""
    shuffled = [
        ops.shuffle_samples(layer.rows, b.num_inputs, layer.samples_per_input, b.settings.seed)
        if layer.shuffled is None
        else layer.shuffled
        for _, layer in pairs
    ]
    samples = [a.num_inputs * layer.samples_per_input for layer, _ in pairs]
    results = ops.compare_layers(
        [layer.rows for layer, _ in pairs],
        shuffled,
        [] if b.partners is not None else shuffled,
        samples,
        samples,
        similarity,
        [],
        b.partners,
    )
    return [similarities[partners >= 0].cpu() for partners, similarities in zip(*results[5:], strict=True)]
