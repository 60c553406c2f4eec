"""What pruning has destroyed: which units of a network have no counterpart left."""

import numbers
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .adjusted import adjusted_score
from .compare import checked_pairs, compare_evidence
from .comparison import LayerComparison, UnmatchedLayer
from .progress import shown
from .reading.graphs.conversion import Model
from .reading.inputs import Inputs
from .reading.layer_evidence import CANONICAL_FORM, LayerEvidence
from .reading.pair import collect_pair
from .results import Result, reading_lines, text_table
from .settings import Positions
from .uncertainty import NO_EXTRAS


@dataclass(frozen=True, eq=False, repr=False)
class LayerPruning(Result):
    """What is left of one hidden layer.

    Attributes:
        name: Place of the affine layer in the original, for example "0" or "3.0".
        name_pruned: In the pruned network.
        units: Units of the original's layer.
        units_pruned: Of the pruned network's.
        num_samples: Samples that the layers were compared on.
        coverage: Sum of the similarities of matched units / units: how much of the layer lives on.
        chance: The same against the pruned network with its inputs shuffled.
        adjusted: (coverage - chance) / (1 - chance): how much lives on beyond chance.
        threshold: Below this similarity a unit counts as lost.
        counterparts: int64 ``[units]``: the unit of the pruned network that each unit is matched to, or -1.
        similarities: float32 ``[units]``, 0 for units without a counterpart.
        dead: int64 ``[k]``: units that fire on no sample in the original already: there was nothing to lose.
        lost: int64 ``[k]``: units that aren't dead and whose similarity is below the threshold.
        died: int64 ``[k]``: units that fire in the original and whose counterpart never fires. Their similarity is 0:
            they are lost too at any threshold above 0.
    """

    name: str
    name_pruned: str
    units: int
    units_pruned: int
    num_samples: int
    coverage: float
    chance: float
    adjusted: float
    threshold: float
    counterparts: Tensor
    similarities: Tensor
    dead: Tensor
    lost: Tensor
    died: Tensor

    def __str__(self) -> str:
        """A line of numbers, and the units that are lost, those that died, and those that were dead before."""
        units = (("lost", self.lost), ("died", self.died), ("dead before", self.dead))
        lines = (f"{name}: {', '.join(map(str, which.tolist())) or 'none'}" for name, which in units)
        return "\n".join([_table([self]), *lines])

    __repr__ = __str__


@dataclass(frozen=True, eq=False, repr=False)
class PruneReport(Result):
    """What :func:`prune_report` returns. Print it for a table.

    Attributes:
        coverage: Sum of the similarities of matched units / hidden units of the original, removed layers included.
        chance: The same against the pruned network with its inputs shuffled.
        adjusted: (coverage - chance) / (1 - chance): how much lives on beyond chance.
        threshold: What was asked for: below this similarity a unit counts as lost. None: each layer has its own.
        similarity: "jaccard" or "phi".
        num_inputs: Inputs that the networks were compared on.
        layers: Hidden layers that have a partner in the pruned network, in order.
        removed: Hidden layers of the original without a partner: all their units are gone.
        read: How the networks were read, "canonical form" or "hooks" (docs/modules.md).
        notes_original: What to know of how the original was read, for example which of its layers can't be seen.
        notes_pruned: Of how the pruned network was read.
    """

    coverage: float
    chance: float
    adjusted: float
    threshold: float | None
    similarity: str
    num_inputs: int
    layers: tuple[LayerPruning, ...]
    removed: tuple[UnmatchedLayer, ...]
    read: str = CANONICAL_FORM
    notes_original: tuple[str, ...] = ()
    notes_pruned: tuple[str, ...] = ()

    def __str__(self) -> str:
        """A line on the networks and a table of their layers. Pairs of numbers are original / pruned."""
        gone = sum(layer.units for layer in self.removed)
        units = sum(layer.units for layer in self.layers) + gone
        lost = sum(len(layer.lost) for layer in self.layers) + gone
        below = "half way from chance to 1" if self.threshold is None else f"{self.threshold:g}"
        head = (
            f"coverage {self.coverage:.4f}, chance {self.chance:.4f}, adjusted {self.adjusted:.4f} "
            f"({self.similarity}); {lost} of {units} units lost (similarity below {below})"
        )
        removed = [f"layer {layer.name} ({layer.units} units) is gone" for layer in self.removed]
        reading = [
            ("the original", self.read, self.notes_original),
            ("the pruned network", self.read, self.notes_pruned),
        ]
        return "\n".join([head, _table(self.layers), *removed, *self._below_chance(), *reading_lines(reading)])

    __repr__ = __str__

    def _below_chance(self) -> Iterator[str]:
        """What to say of a threshold that units pass which have nothing in common with their counterparts."""
        names = [
            layer.name
            for layer in self.layers
            if layer.threshold < _chance_of_pairs(layer.chance, layer.units, layer.units_pruned)
        ]
        if names:
            layers = f"layer{'s' * (len(names) > 1)} {', '.join(names)}"
            yield (
                f"The threshold {self.threshold:g} is below chance in {layers}: "
                f"units are kept there that are no more like their counterparts than any others. Without a threshold, "
                f"it is half way from each layer's chance to 1."
            )


def prune_report(
    original: Model,
    pruned: Model,
    inputs: Inputs,
    *,
    threshold: float | None = None,
    similarity: str = "jaccard",
    seed: int = 0,
    margin: float = 0.0,
    positions: Positions = 16,
    layers: Iterable[tuple[int, int]] | None = None,
    progress: bool | None = None,
) -> PruneReport:
    """Says which units of a network have no counterpart left in a pruned copy of it.

    Units are matched by when they fire, so that it doesn't matter how the copy was pruned (weights set to 0, units
    removed, fine-tuning after it), or in which order its units come.

    Args:
        original: The network before, as :func:`compare` takes it.
        pruned: The network after.
        inputs: A tensor or batches, as for :func:`compare`.
        threshold: A unit whose similarity to its counterpart is below this is lost. A number from -1 to 1; None takes
            for each layer what is half way from 1 to the mean similarity of units that are matched by chance.
        similarity: "jaccard" or "phi".
        seed: Of points and of the shuffle behind chance levels: any int64.
        margin: A unit fires where its canonical pre-activation is above this; finite, at least 0.
        positions: Samples an input, as for :func:`compare`.
        layers: Pairs of hidden layers (of the original, of the pruned network), as for :func:`compare`.
        progress: Whether a bar shows the progress, as for :func:`compare`.

    Returns:
        Coverage of each layer and the units that are lost or died, on the CPU.

    Raises:
        TypeError, ValueError, RuntimeError: As :func:`compare`, and for a threshold that is no such number.
    """
    least = _checked(threshold)
    pairs = checked_pairs(layers)
    with shown(progress, "reading the networks", inputs, 2) as bar:
        a, b = collect_pair(
            original,
            pruned,
            inputs,
            method="exact",
            similarity=similarity,
            num_hashes=None,
            seed=seed,
            margin=margin,
            positions=positions,
            progress=bar,
            roles=("the original", "the pruned network"),
        )
        comparison = compare_evidence(a, b, similarity, pairs, NO_EXTRAS, bar)
    evidence_a = {layer.name: layer for layer in a.layers}
    evidence_b = {layer.name: layer for layer in b.layers}
    reports = tuple(
        _layer_pruning(layer, evidence_a[layer.name_a], evidence_b[layer.name_b], least) for layer in comparison.layers
    )
    units = sum(layer.units for layer in a.layers)
    coverage = sum(layer.coverage * layer.units for layer in reports) / units
    chance = sum(layer.chance * layer.units for layer in reports) / units
    return PruneReport(
        coverage=coverage,
        chance=chance,
        adjusted=_adjusted(coverage, chance),
        threshold=least,
        similarity=similarity,
        num_inputs=comparison.num_inputs,
        layers=reports,
        removed=comparison.unmatched_a,
        read=comparison.read_a,
        notes_original=comparison.notes_a,
        notes_pruned=comparison.notes_b,
    )


def _checked(threshold: float | None) -> float | None:
    if threshold is None:
        return None
    if not isinstance(threshold, numbers.Real) or isinstance(threshold, bool):
        raise TypeError(f"threshold must be a number or None, got {threshold!r}")
    if not -1 <= threshold <= 1:
        raise ValueError(f"threshold must be from -1 to 1, got {threshold}")
    return float(threshold)


def _adjusted(coverage: float, chance: float) -> float:
    return adjusted_score(*torch.tensor([coverage, chance], dtype=torch.float64, device="cpu")).item()


def _chance_of_pairs(chance: float, units: int, units_pruned: int) -> float:
    """Mean similarity of units that are matched by chance.

    Args:
        chance: Of coverage, which counts units of the original without a counterpart too, as 0.
        units: Of the original.
        units_pruned: Of the pruned network.
    """
    return min(chance * units / min(units, units_pruned), 1)


def _layer_pruning(
    layer: LayerComparison, before: LayerEvidence, after: LayerEvidence, threshold: float | None
) -> LayerPruning:
    chance = layer.chance * max(before.units, after.units) / before.units  # as coverage
    if threshold is None:
        threshold = (1 + _chance_of_pairs(chance, before.units, after.units)) / 2
    counterparts = layer.matches.new_full((before.units,), -1)
    counterparts[layer.matches[:, 0]] = layer.matches[:, 1]
    similarities = layer.similarities.new_zeros(before.units)
    similarities[layer.matches[:, 0]] = layer.similarities
    fires = before.counts > 0
    is_lost = fires & ((similarities < threshold) | (counterparts < 0))
    has_died = fires & (counterparts >= 0) & (after.counts[counterparts] == 0)
    return LayerPruning(
        name=layer.name_a,
        name_pruned=layer.name_b,
        units=before.units,
        units_pruned=after.units,
        num_samples=layer.num_samples,
        coverage=layer.coverage_a,
        chance=chance,
        adjusted=_adjusted(layer.coverage_a, chance),
        threshold=threshold,
        counterparts=counterparts,
        similarities=similarities,
        dead=(~fires).nonzero()[:, 0],
        lost=is_lost.nonzero()[:, 0],
        died=has_died.nonzero()[:, 0],
    )


def _table(layers: Iterable[LayerPruning]) -> str:
    numbers = ("coverage", "chance", "adjusted", "threshold")
    headings = ("original", "pruned", "units", *numbers, "lost", "died", "dead before")
    rows = [
        (
            layer.name,
            layer.name_pruned,
            f"{layer.units} / {layer.units_pruned}",
            *(f"{getattr(layer, number):.4f}" for number in numbers),
            str(len(layer.lost)),
            str(len(layer.died)),
            str(len(layer.dead)),
        )
        for layer in layers
    ]
    return text_table([headings, *rows])
