"""Compares two networks as functions."""

import operator
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ._version import __version__
from .adjusted import adjusted_score
from .comparison import Comparison, LayerComparison, UnmatchedLayer
from .details import with_details
from .progress import SILENT, Progress, shown
from .reading.feeding import Call
from .reading.inputs import Inputs
from .reading.layer_choice import Names
from .reading.layer_evidence import Evidence, LayerEvidence
from .reading.pair import Network, collect_pair
from .settings import INT64, Positions, checked_flag
from .uncertainty import Extras, PairedLayers, checked_extras


def compare(
    a: Network,
    b: Network,
    inputs: Inputs | None = None,
    *,
    method: str = "auto",
    similarity: str = "jaccard",
    num_hashes: int | None = None,
    seed: int | None = None,
    margin: float | None = None,
    positions: Positions | None = None,
    layers: Iterable[tuple[int, int]] | None = None,
    cka: bool = False,
    interval: float | None = None,
    shuffles: int = 0,
    details: bool | None = None,
    include: Names | None = None,
    exclude: Names | None = None,
    call: Call | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Compares two networks as functions on ``inputs``, hidden layer by hidden layer and unit by unit, in eval mode.

    A network against itself scores 1, and so does a copy with its units permuted and rescaled; unrelated networks have
    an adjusted score near 0. docs/mathematics.md says what is computed. The result equals that of C++'s
    ``funcsim::compare``, and doesn't depend on how the inputs are split into batches or on the number of threads.

    Sequentials that :func:`describe` can read are compared in canonical form: they are read, not run, as operators have
    a forward pass of their own. Any other module is run, and its hidden layers are read by hooks (docs/modules.md).
    Either way the networks are left exactly as they are: modes, hooks, gradients, buffers and the random state
    (but for what a forward() writes into parameters or into buffers above 16 MiB: docs/modules.md).

    Args:
        a: A ``torch.nn.Module``, on the CPU or on CUDA, or a :class:`NetworkSketch`. DataParallel,
            DistributedDataParallel and what ``torch.compile`` returns are unwrapped; TorchScript and what
            ``torch.export`` gives are read from their graphs (docs/modules.md).
        b: The other one, on the same device.
        inputs: A tensor ``[inputs, features...]``, or any iterable of batches, for example a DataLoader. It is gone
            through once, and each batch given to both networks. A batch is a tensor; or a tuple or list, whose first
            element is taken; or a mapping, of which the value under "input", "inputs", "x", "data", "image", "images",
            "img", "pixel_values", "input_values" or "features" is taken, or else its only tensor. Networks that are run
            get of a mapping what their forward() takes, and one mapping of tensors may be given instead of batches; a
            mask of padding in it is heeded (docs/modules.md). Inputs are of the
            networks' dtype, but for float16 and bfloat16, and on their device or on the CPU, from where they are copied
            to it. None if both networks are sketches. Give batches in random
            order: for the chance level of "minhash" those of a stream, whose end isn't known, are shuffled within
            blocks of 4096 inputs, and blocks of one class would make it too high. A tensor is shuffled as a whole.
        method: "exact" counts; "minhash" estimates from sketches, whose size doesn't grow with the number of inputs;
            "auto" counts as long as the largest layer has at most ``32 * num_hashes`` samples, and for similarity
            "phi". A sketch can be compared by "minhash" only, which "auto" then is.
        similarity: "jaccard", the Jaccard index of the sets of samples on which two units fire; or "phi", the Pearson
            correlation of their bits, from -1 to 1, which can't be estimated from sketches.
        num_hashes: Slots of a sketch, from 1 to 2**24. The standard error falls with its square root. 1024, or a
            sketch's, unless it is given; so are the next three. What is given must agree with the sketches.
        seed: Of sketches, of the points that ``positions`` takes and of the shuffle behind chance levels: any int64.
            0 unless it is given.
        margin: A unit fires where its canonical pre-activation is above this; finite, at least 0. 0 unless it is given.
        positions: Samples an input of a layer whose units have a grid of positions (space, time, tokens): "all"; "any",
            one sample, set when the unit fires anywhere; or that many points, spread evenly and the same for every
            layer. 16 unless it is given.
        layers: Pairs of hidden layers (of a, of b), counted from 0, each layer at most once. None pairs them in order
            where there are equally many, and otherwise so that the order is kept and the sum of layer scores is
            largest.
        cka: Give the linear CKA of the layers' bits as well, a score of whole layers that needs no matching. This and
            the next two need signatures: "auto" counts, and neither "minhash" nor sketches will do.
        interval: Confidence, for example 0.95, of intervals for the scores: how far they depend on the choice of
            inputs, by a block bootstrap. They are for comparing scores on the same inputs: the score on endlessly many
            inputs is lower and often outside (docs/stability.md). Takes at least 2 inputs. None for no intervals.
        shuffles: Shuffles of the inputs, for example 99, behind p-values of "more alike than chance". Each one costs as
            much as a comparison without. 0 for no p-values. Of units on grids and less than some hundred inputs they
            are right with ``positions="all"`` only (docs/stability.md).
        details: Whether to collect what reports show beside scores: the similarities of matched units under chance,
            which cost as much as two comparisons of the layers, and the scores of all hidden layers against all. None
            collects each of the two where it takes at most some tenth of a second.
        include: Names of the hidden layers to compare, as ``name_a`` and ``name_b`` give them, with the wildcards of
            the shell: "encoder.*", or a list of such. None for all.
        exclude: Names of hidden layers to leave out, likewise.
        call: Runs a network on a batch, ``call(model, batch)``, where it isn't called with the batch's tensor or the
            batch's entries as keywords. Both networks are then read by hooks.
        progress: Whether a bar on standard error shows how far it is: True; None where the package rich is installed;
            False. Where standard error is no terminal there is none.

    Returns:
        The scores, and which unit is which, on the CPU.

    Raises:
        TypeError, ValueError: For what is no module, modules without hidden layers or that run other layers for other
            inputs, inputs that aren't batches of equal shapes or are used up, names that no layer has, options out of
            range, and sketches made with other options or on another number of inputs.
        RuntimeError: From the operators: networks without hidden layers, inputs that don't fit, NaN on the
            way to a hidden layer (says where), layers with different numbers of samples.

    Warns:
        UserWarning: A sketch was made on inputs that differ from the other network's.
    """
    start = time.perf_counter()
    pairs = checked_pairs(layers)
    extras = checked_extras(cka, interval, shuffles, seed)
    if details is not None:
        checked_flag("details", details)
    with shown(progress, "reading the networks", inputs, 2) as bar:
        evidence_a, evidence_b = collect_pair(
            a,
            b,
            inputs,
            method=method,
            similarity=similarity,
            num_hashes=num_hashes,
            seed=seed,
            margin=margin,
            positions=positions,
            include=include,
            exclude=exclude,
            call=call,
            progress=bar,
            needing_signatures=extras.needing_signatures,
        )
        comparison = compare_evidence(evidence_a, evidence_b, similarity, pairs, extras, bar)
        comparison = with_details(comparison, evidence_a, evidence_b, details, bar)
    return replace(comparison, seconds=time.perf_counter() - start)


def checked_pairs(layers: Iterable[tuple[int, int]] | None) -> list[int]:
    """[layer of a, layer of b, ...], as operators take it."""
    if layers is None:
        return []
    expected = "layers must hold pairs of layer numbers, such as [(0, 0), (1, 2)]"
    if not isinstance(layers, Iterable):
        raise TypeError(f"{expected}, got {layers!r}")
    pairs = list(layers)
    if not pairs:
        raise ValueError("layers must hold at least one pair, or be None, got none")
    try:
        numbers = [operator.index(layer) for layer_a, layer_b in pairs for layer in (layer_a, layer_b)]
    except (TypeError, ValueError):
        raise TypeError(f"{expected}, got {pairs!r}") from None
    for number in numbers:
        if number not in INT64:
            raise ValueError(f"{expected}, got layer {number}, which doesn't fit 64 bits")
    return numbers


def compare_evidence(
    a: Evidence,
    b: Evidence,
    similarity: str,
    given_pairs: list[int],
    extras: Extras,
    progress: Progress = SILENT,
) -> Comparison:
    """Pairs, matches and scores the layers of two networks.

    Args:
        a: The evidence on network a.
        b: On network b, with what the chance level needs.
        similarity: "jaccard" or "phi".
        given_pairs: Layer of a, layer of b, layer of a, ...; none for the automatic pairing.
        extras: What is wanted beside.
        progress: Is told what is done.
    """
    progress.stage("matching units")
    results = torch.ops.funcsim.compare_layers(
        [layer.rows for layer in a.layers],
        [layer.rows for layer in b.layers],
        b.shuffled,
        a.num_samples,
        b.num_samples,
        similarity,
        given_pairs,
        b.partners,
    )
    pairs, scores, chances, errors, network = (tensor.cpu() for tensor in results[:5])
    partners, similarities = ([tensor.cpu() for tensor in tensors] for tensors in results[5:])
    layer_pairs: list[tuple[int, int]] = [(layer_a, layer_b) for layer_a, layer_b in pairs.tolist()]
    asked, asked_of_layers = _asked(PairedLayers(a, b, layer_pairs, similarity, progress), scores, partners, extras)
    values = torch.stack([scores, chances, adjusted_score(scores, chances), errors], dim=1).tolist()
    layers = tuple(
        replace(
            _layer_comparison((a.layers[layer_a], b.layers[layer_b]), a.num_samples[layer_a], numbers, *matched), **more
        )
        for (layer_a, layer_b), numbers, matched, more in zip(
            layer_pairs, values, zip(partners, similarities, strict=True), asked_of_layers, strict=True
        )
    )
    score, chance, error = network.tolist()
    return Comparison(
        score=score,
        chance=chance,
        adjusted=adjusted_score(network[0], network[1]).item(),
        standard_error=error,
        method=a.method,
        similarity=similarity,
        num_inputs=a.num_inputs,
        settings=a.settings,
        versions={"funcsim": __version__, "torch": str(torch.__version__)},
        layers=layers,
        unmatched_a=_unmatched(a, pairs[:, 0].tolist()),
        unmatched_b=_unmatched(b, pairs[:, 1].tolist()),
        read_a=a.read,
        read_b=b.read,
        notes_a=a.notes,
        notes_b=b.notes,
        **asked,
    )


def _asked(
    paired: PairedLayers, scores: Tensor, partners: Sequence[Tensor], extras: Extras
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Attributes of the comparison and of its layers that were asked for."""
    network: dict[str, Any] = {}
    layers: list[dict[str, Any]] = [{} for _ in partners]
    if extras.cka:
        for layer, (cka, debiased) in zip(layers, paired.ckas(), strict=True):
            layer.update(cka=cka, cka_debiased=debiased)
    if extras.interval is not None:
        network["interval"], intervals = paired.intervals(scores, partners, extras.interval, extras.seed)
        for layer, ends in zip(layers, intervals, strict=True):
            layer["interval"] = ends
    if extras.shuffles > 0:
        network["p_value"], p_values = paired.p_values(scores, extras.shuffles, extras.seed)
        for layer, p_value in zip(layers, p_values, strict=True):
            layer["p_value"] = p_value
    return network, layers


def _unmatched(evidence: Evidence, matched: list[int]) -> tuple[UnmatchedLayer, ...]:
    return tuple(
        UnmatchedLayer(layer.name, layer.units) for index, layer in enumerate(evidence.layers) if index not in matched
    )


def _layer_comparison(
    layers: tuple[LayerEvidence, LayerEvidence],
    num_samples: int,
    numbers: list[float],
    partners: Tensor,
    similarities: Tensor,
) -> LayerComparison:
    a, b = layers
    score, chance, adjusted, error = numbers
    units = (partners >= 0).nonzero().squeeze(1)
    total = score * max(a.units, b.units)
    duplicate_of_a, duplicate_of_b = _earlier_equals(a, num_samples), _earlier_equals(b, num_samples)
    return LayerComparison(
        name_a=a.name,
        name_b=b.name,
        units_a=a.units,
        units_b=b.units,
        num_samples=num_samples,
        score=score,
        chance=chance,
        adjusted=adjusted,
        standard_error=error,
        coverage_a=total / a.units,
        coverage_b=total / b.units,
        matches=torch.stack([units, partners[units]], dim=1),
        similarities=similarities[units],
        dead_a=int((a.counts == 0).sum()),
        dead_b=int((b.counts == 0).sum()),
        always_on_a=int((a.counts == num_samples).sum()),
        always_on_b=int((b.counts == num_samples).sum()),
        duplicates_a=int((duplicate_of_a >= 0).sum()),
        duplicates_b=int((duplicate_of_b >= 0).sum()),
        counts_a=a.counts,
        counts_b=b.counts,
        duplicate_of_a=duplicate_of_a,
        duplicate_of_b=duplicate_of_b,
    )


def _earlier_equals(layer: LayerEvidence, num_samples: int) -> Tensor:
    """The first unit that fires exactly when each unit does, if that is another one; else -1. int64 ``[units]``.

    -1 for dead and always-on units, too.
    """
    numbers = torch.arange(layer.units, device=layer.counts.device)
    _, group = torch.unique(layer.fingerprints, return_inverse=True)
    first = numbers.new_full((layer.units,), layer.units).scatter_reduce(0, group, numbers, "amin")[group]
    varies = (layer.counts > 0) & (layer.counts < num_samples)
    return torch.where(varies & (first < numbers), first, -1)
