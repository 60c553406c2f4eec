"""The measures that are compared, each with what it keeps of a network and how it scores a pair."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from . import cca, cka, correlation, functional, procrustes, weights
from .activations import hidden_activations, weighted_mean

RAW, ADJUSTED, PHI, BITS = "funcsim score", "funcsim adjusted", "funcsim phi", "funcsim CKA of bits"
CKA, PROCRUSTES, SVCCA, PWCCA = "CKA", "Procrustes", "SVCCA", "PWCCA"
CORRELATION, WEIGHTS = "matched correlation", "weight cosine"


@dataclass(frozen=True)
class Measure:
    """One way to compare two networks.

    Attributes:
        names: Of the scores that it gives.
        record: What it keeps of a network on some inputs.
        scores: By name, of two networks' records; 1 for the same.
    """

    names: tuple[str, ...]
    record: Callable[[nn.Sequential, Tensor], Any]
    scores: Callable[[Any, Any], Mapping[str, float]]


def _of_layers(name: str, prepare: Callable[[Tensor], Any], compare: Callable[[Any, Any], float]) -> Measure:
    """A measure of layers' activations, which the mean over layers makes one of networks."""

    def record(model: nn.Sequential, inputs: Tensor) -> list[tuple[int, Any]]:
        return [(layer.shape[1], prepare(layer)) for layer in hidden_activations(model, inputs)]

    def scores(a: list[tuple[int, Any]], b: list[tuple[int, Any]]) -> dict[str, float]:
        values = [compare(layer_a, layer_b) for (_, layer_a), (_, layer_b) in zip(a, b, strict=True)]
        return {name: weighted_mean(values, [units for units, _ in a])}

    return Measure((name,), record, scores)


def _record_decomposed(model: nn.Sequential, inputs: Tensor) -> list[cca.Decomposition]:
    return [cca.decomposed(layer) for layer in hidden_activations(model, inputs)]


def _canonical_scores(a: list[cca.Decomposition], b: list[cca.Decomposition]) -> dict[str, float]:
    units = [layer.mix.shape[1] for layer in a]
    measures = {SVCCA: cca.svcca, PWCCA: cca.pwcca}
    return {
        name: weighted_mean([compare(layer_a, layer_b) for layer_a, layer_b in zip(a, b, strict=True)], units)
        for name, compare in measures.items()
    }


def _jaccard_scores(a: functional.Signatures, b: functional.Signatures) -> dict[str, float]:
    score, chance = functional.score_and_chance(a, b)
    return {RAW: score, ADJUSTED: functional.adjusted(score, chance)}


def _phi_scores(a: functional.Signatures, b: functional.Signatures) -> dict[str, float]:
    return {PHI: functional.score_and_chance(a, b, "phi")[0]}


def _bits_scores(a: functional.Signatures, b: functional.Signatures) -> dict[str, float]:
    return {BITS: weighted_mean(functional.bits_cka(a, b), [len(layer) for layer in a.layers])}


def _weight_scores(a: list[Tensor], b: list[Tensor]) -> dict[str, float]:
    return {WEIGHTS: weighted_mean(weights.matched_cosine(a, b), [len(layer) for layer in a])}


MEASURES = (
    Measure((RAW, ADJUSTED), functional.signatures, _jaccard_scores),
    Measure((PHI,), functional.signatures, _phi_scores),
    Measure((BITS,), functional.signatures, _bits_scores),
    _of_layers(CKA, cka.recorded, cka.minibatch_cka),
    _of_layers(PROCRUSTES, procrustes.normalised, procrustes.procrustes_similarity),
    Measure((SVCCA, PWCCA), _record_decomposed, _canonical_scores),
    _of_layers(
        CORRELATION, correlation.standardised, lambda a, b: correlation.matched_mean(correlation.correlations(a, b))
    ),
    Measure((WEIGHTS,), lambda model, _: weights.canonical_weights(model), _weight_scores),
)
NAMES = tuple(name for measure in MEASURES for name in measure.names)


def bytes_of(record: Any) -> int:
    """Of the tensors that a record keeps."""
    if isinstance(record, Tensor):
        return record.numel() * record.element_size()
    if isinstance(record, functional.Signatures):
        return bytes_of(record.layers)
    if isinstance(record, cka.Recorded):
        return bytes_of(record.activations)
    if isinstance(record, cca.Decomposition):
        return bytes_of([record.directions, record.strengths, record.mix])
    return sum(map(bytes_of, record)) if isinstance(record, list | tuple) else 0
