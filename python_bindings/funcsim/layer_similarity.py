"""All hidden layers of one network against all of another."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .adjusted import adjusted_score
from .progress import SILENT, Progress, shown
from .reading.feeding import Call
from .reading.inputs import Inputs
from .reading.layer_choice import Names
from .reading.layer_evidence import CANONICAL_FORM, Evidence, LayerEvidence
from .reading.pair import Network, collect_pair
from .report.frames import matrix_frame
from .report.new_axes import new_axes
from .results import Result, reading_lines, text_table
from .settings import LAYER_SIMILARITIES, Positions


@dataclass(frozen=True, eq=False, repr=False)
class LayerSimilarity(Result):
    """The scores of all pairs of hidden layers. Print it for a table.

    Attributes:
        names_a: Places of a's hidden layers, in order.
        names_b: Of b's.
        scores: float64 ``[layers of a, layers of b]``, each as ``LayerComparison.score``, or the layers' CKA.
        chances: float64, the same against b's layers with their samples shuffled.
        adjusted: float64, (score - chance) / (1 - chance); where chance is 1, 1 for a score of 1 and else 0.
        method: Which ran, "exact" or "minhash".
        similarity: "jaccard", "phi", "cka" or "cka_debiased".
        num_inputs: Inputs that the networks were compared on.
        read_a: How a was read, "canonical form" or "hooks" (docs/modules.md).
        read_b: How b was read.
        notes_a: What its user should know of how a was read.
        notes_b: Of how b was read.
    """

    names_a: tuple[str, ...]
    names_b: tuple[str, ...]
    scores: Tensor
    chances: Tensor
    adjusted: Tensor
    method: str
    similarity: str
    num_inputs: int
    read_a: str = CANONICAL_FORM
    read_b: str = CANONICAL_FORM
    notes_a: tuple[str, ...] = ()
    notes_b: tuple[str, ...] = ()

    def to_dataframe(self) -> Any:
        """A pandas DataFrame of the adjusted scores: a row for each layer of a, a column for each of b, by name.

        Raises:
            ImportError: Without pandas, which is an optional package.
        """
        return matrix_frame(self)

    def plot(self, axes: Any = None) -> Any:
        """Draws the adjusted scores as a heat map, layers of a from top to bottom, by matplotlib.

        Args:
            axes: Matplotlib's, to draw on; None makes a figure.

        Returns:
            The axes.

        Raises:
            ImportError: Without matplotlib.
        """
        if axes is None:
            axes = new_axes("LayerSimilarity.plot")
        image = axes.imshow(self.adjusted.numpy(), vmin=0, vmax=1, cmap="cividis", aspect="auto")
        axes.set_xticks(range(len(self.names_b)), self.names_b, rotation=90)
        axes.set_yticks(range(len(self.names_a)), self.names_a)
        axes.set(xlabel="layer of b", ylabel="layer of a")
        axes.figure.colorbar(image, ax=axes, label="adjusted score")
        return axes

    def save_html(self, path: str | os.PathLike[str], *, title: str | None = None) -> None:
        """Writes a page with the heat map and its numbers, as ``Comparison.save_html`` does of a comparison.

        Args:
            path: The file, which is replaced where it exists.
            title: Its heading; None for "Layers of two networks".

        Raises:
            ImportError: Without plotly, which is an optional package.
            OSError: The file can't be written.
            TypeError: For a title that is no string.
        """
        from .report.page import save_layers  # noqa: PLC0415  # nothing of it is needed without reports

        save_layers(self, path, title)

    def __str__(self) -> str:
        """The adjusted scores: a line for each layer of a, a column for each of b."""
        rows = [
            (name, *(f"{value:.4f}" for value in values))
            for name, values in zip(self.names_a, self.adjusted.tolist(), strict=True)
        ]
        head = f"adjusted layer scores ({self.method}, {self.similarity}), layers of a in rows, of b in columns"
        reading = [("network a", self.read_a, self.notes_a), ("network b", self.read_b, self.notes_b)]
        return "\n".join([head, text_table([("", *self.names_b), *rows]), *reading_lines(reading)])

    __repr__ = __str__


def layer_similarity(
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
    include: Names | None = None,
    exclude: Names | None = None,
    call: Call | None = None,
    progress: bool | None = None,
) -> LayerSimilarity:
    """Scores every hidden layer of one network against every hidden layer of another.

    Args:
        a: A network or a sketch, as in :func:`compare`; so are the others.
        b: The other network.
        inputs: A tensor or batches.
        method: "auto", "exact" or "minhash".
        similarity: "jaccard" or "phi" of units, which are matched; or of layers as a whole "cka", linear CKA of their
            bits, or its debiased estimate "cka_debiased". All but "jaccard" need signatures.
        num_hashes: Slots of a sketch.
        seed: Of everything random.
        margin: Above which a unit fires.
        positions: Samples an input. All layers must have equally many: "any" sees to that where some layers have a grid
            of positions and others don't.
        include: Names of hidden layers; this and the next three as in :func:`compare`.
        exclude: Names of hidden layers.
        call: Runs a network on a batch.
        progress: Whether a bar shows the progress.

    Returns:
        The matrices of scores, chance levels and adjusted scores.

    Raises:
        TypeError, ValueError, RuntimeError: As :func:`compare`.
    """
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
            similarities=LAYER_SIMILARITIES,
        )
        if similarity in ("cka", "cka_debiased"):
            scores, chances = _cka_matrices(evidence_a, evidence_b, similarity == "cka_debiased", seed or 0, bar)
        else:
            scores, chances = _matched_matrices(evidence_a, evidence_b, similarity, bar)
    return _result(evidence_a, evidence_b, similarity, scores, chances)


def comparable_layers(
    evidence_a: Evidence, evidence_b: Evidence, similarity: str, progress: Progress = SILENT
) -> LayerSimilarity:
    """The scores of all pairs of layers that have equally many samples an input; NaN for the others.

    Args:
        evidence_a: On network a.
        evidence_b: On network b, with what the chance level needs.
        similarity: "jaccard" or "phi".
        progress: Is told what is done.
    """
    shape = (len(evidence_a.layers), len(evidence_b.layers))
    scores = torch.full(shape, torch.nan, dtype=torch.float64, device="cpu")
    chances = scores.clone()
    for samples in {layer.samples_per_input for layer in evidence_a.layers}:
        places_a, some_a = _with_samples(evidence_a, samples)
        places_b, some_b = _with_samples(evidence_b, samples)
        if places_b:
            block = torch.meshgrid(
                scores.new_tensor(places_a).long(), scores.new_tensor(places_b).long(), indexing="ij"
            )
            scores[block], chances[block] = _matched_matrices(some_a, some_b, similarity, progress)
    return _result(evidence_a, evidence_b, similarity, scores, chances)


def _with_samples(evidence: Evidence, samples: int) -> tuple[list[int], Evidence]:
    """The layers with so many samples an input: their places, and the evidence on them."""
    places = [place for place, layer in enumerate(evidence.layers) if layer.samples_per_input == samples]
    return places, replace(evidence, layers=tuple(evidence.layers[place] for place in places))


def _result(
    evidence_a: Evidence, evidence_b: Evidence, similarity: str, scores: Tensor, chances: Tensor
) -> LayerSimilarity:
    return LayerSimilarity(
        names_a=_names(evidence_a.layers),
        names_b=_names(evidence_b.layers),
        scores=scores,
        chances=chances,
        adjusted=adjusted_score(scores, chances),
        method=evidence_a.method,
        similarity=similarity,
        num_inputs=evidence_a.num_inputs,
        read_a=evidence_a.read,
        read_b=evidence_b.read,
        notes_a=evidence_a.notes,
        notes_b=evidence_b.notes,
    )


def _matched_matrices(
    evidence_a: Evidence, evidence_b: Evidence, similarity: str, progress: Progress
) -> tuple[Tensor, Tensor]:
    """Scores and chances of all pairs of layers by their units."""
    # Layer by layer of b, so that whoever waits can see how far it is, or stop it.
    progress.stage("comparing layers", 2 * len(evidence_b.layers), "layers")

    def column(rows_b: Tensor, num_samples_b: int, partners: Tensor | None) -> Tensor:
        scores: Tensor = torch.ops.funcsim.layer_scores(
            [layer.rows for layer in evidence_a.layers],
            [rows_b],
            evidence_a.num_samples,
            [num_samples_b],
            similarity,
            partners,
        )
        progress.step()
        return scores.cpu()

    def matrix(rows_b: Sequence[Tensor], partners: Tensor | None = None) -> Tensor:
        each = zip(rows_b, evidence_b.num_samples, strict=True)
        return torch.cat([column(rows, num_samples, partners) for rows, num_samples in each], dim=1)

    rows_b = [layer.rows for layer in evidence_b.layers]
    return matrix(rows_b), matrix(evidence_b.shuffled or rows_b, evidence_b.partners)


def _cka_matrices(
    evidence_a: Evidence, evidence_b: Evidence, debiased: bool, seed: int, progress: Progress
) -> tuple[Tensor, Tensor]:
    """Linear CKA of all pairs of layers, and the same with b's inputs shuffled."""
    for samples_a in evidence_a.num_samples:
        for samples_b in evidence_b.num_samples:
            if samples_a != samples_b:
                raise ValueError(
                    f"layers can only be compared on equally many samples an input, got {samples_a} and {samples_b} in "
                    f'all; positions="any" gives one bit an input whatever the layer\'s grid'
                )
    progress.stage("comparing layers", len(evidence_b.layers), "layers")
    scores = torch.empty(len(evidence_a.layers), len(evidence_b.layers), dtype=torch.float64, device="cpu")
    chances = torch.empty_like(scores)
    for j, layer_b in enumerate(evidence_b.layers):
        shuffled = torch.ops.funcsim.shuffle_samples(
            layer_b.rows, evidence_b.num_inputs, layer_b.samples_per_input, seed
        )
        for i, (layer_a, samples) in enumerate(zip(evidence_a.layers, evidence_a.num_samples, strict=True)):
            for matrix, rows in ((scores, layer_b.rows), (chances, shuffled)):
                matrix[i, j] = torch.ops.funcsim.signature_cka(layer_a.rows, rows, samples, debiased)
        progress.step()
    return scores, chances


def _names(layers: Sequence[LayerEvidence]) -> tuple[str, ...]:
    return tuple(layer.name for layer in layers)
