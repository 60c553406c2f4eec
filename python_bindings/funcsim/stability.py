"""How stable a network's signatures are: against noise on its weights, and where they would flicker."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .adjusted import adjusted_score
from .progress import shown
from .reading.evidence import Reader, collect
from .reading.feeding import Call, checked_call
from .reading.graphs.conversion import Model
from .reading.inputs import Inputs, check_tensor
from .reading.layer_choice import Names, checked_choice
from .reading.layer_evidence import CANONICAL_FORM, Evidence, LayerEvidence
from .reading.noisy_readers import Options, flicker_reader, noisy_readers
from .reading.readers import readable
from .report.new_axes import new_axes
from .results import Result, reading_lines, text_table
from .settings import Positions, Settings, as_list, checked_integer, checked_settings, nonnegative_number

ops = torch.ops.funcsim

SIGMAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True, eq=False, repr=False)
class LayerStability(Result):
    """One hidden layer against its copies with noise.

    Attributes:
        name: Place of the affine layer, for example "0" or "3.0".
        units: Its units.
        num_samples: Samples that its signatures have.
        scores: float64 ``[sigmas, repeats]``, as ``LayerComparison.score`` with each copy; so are the next two.
        chances: The scores against copies with their samples shuffled.
        adjusted: (score - chance) / (1 - chance).
        wrong_matches: float64 ``[sigmas, repeats]``: share of units that are not matched to themselves. To be matched
            within a group of equal signatures, in the network or in the copy, counts as right.
        flipped: float64 ``[sigmas, repeats]``: share of the bits that are other ones in the copy.
        flips: float64 ``[sigmas, units]``: the same of each unit, over all repeats.
        flicker: float64 ``[units]``: share of the samples whose distance from the unit's boundary is at most eps times
            the root mean square of the layer's canonical pre-activations: those whose bits flip first.
    """

    name: str
    units: int
    num_samples: int
    scores: Tensor
    chances: Tensor
    adjusted: Tensor
    wrong_matches: Tensor
    flipped: Tensor
    flips: Tensor
    flicker: Tensor

    def __str__(self) -> str:
        """A line for each of the units that flicker most, which the network's table has the mean of."""
        most = torch.argsort(self.flicker, descending=True, stable=True)[:10].tolist()
        rows = [(str(unit), f"{self.flicker[unit].item():.4f}") for unit in most]
        return f"layer {self.name}: the units that flicker most\n{text_table([('unit', 'flicker'), *rows])}"

    __repr__ = __str__


@dataclass(frozen=True, eq=False, repr=False)
class Stability(Result):
    """What :func:`stability` returns. Print it for a table.

    Attributes:
        sigmas: Standard deviations of the noise, relative to the root mean square of each tensor.
        repeats: Draws of the noise.
        eps: What counts as near a boundary (``LayerStability.flicker``).
        num_inputs: Inputs that signatures were taken on.
        scores: float64 ``[sigmas, repeats]``: of the network with each copy, as ``Comparison.score``; so are the next
            two.
        chances: The scores against copies with their inputs shuffled.
        adjusted: (score - chance) / (1 - chance).
        wrong_matches: float64 ``[sigmas, repeats]``: share of all hidden units that are not matched to themselves.
        flipped: float64 ``[sigmas, repeats]``: share of the bits of all hidden units that are other ones in the copy.
        layers: The hidden layers, in order.
        read: How the network was read, "canonical form" or "hooks" (docs/modules.md).
        notes: What its user should know of how it was read.
    """

    sigmas: tuple[float, ...]
    repeats: int
    eps: float
    num_inputs: int
    scores: Tensor
    chances: Tensor
    adjusted: Tensor
    wrong_matches: Tensor
    flipped: Tensor
    layers: tuple[LayerStability, ...]
    read: str = CANONICAL_FORM
    notes: tuple[str, ...] = ()

    def plot(self, axes: Any = None) -> Any:
        """Draws the score against sigma, with the chance level and the scores of the layers, by matplotlib.

        Args:
            axes: Matplotlib's, to draw on; None makes a figure.

        Returns:
            The axes.

        Raises:
            ImportError: Without matplotlib.
        """
        if axes is None:
            axes = new_axes("Stability.plot")
        axes.plot(self.sigmas, self.scores.mean(dim=1), marker="o", color="black", label="score")
        axes.plot(self.sigmas, self.chances.mean(dim=1), linestyle="--", color="black", label="chance")
        for layer in self.layers:
            axes.plot(self.sigmas, layer.scores.mean(dim=1), alpha=0.6, label=f"layer {layer.name}")
        # Below the smallest sigma but 0 the axis is linear, so that 0 has a place.
        smallest = min((sigma for sigma in self.sigmas if sigma > 0), default=1.0)
        axes.set_xscale("symlog", linthresh=smallest)
        axes.set(xlabel="sigma (noise relative to each tensor's root mean square)", ylabel="score", ylim=(0, 1.02))
        axes.legend()
        return axes

    def __str__(self) -> str:
        """A table with a line for each sigma, means over repeats, and one with a line for each layer."""
        columns = ("scores", "chances", "adjusted", "wrong_matches", "flipped")
        means = torch.stack([getattr(self, column).mean(dim=1) for column in columns], dim=1)
        by_sigma = [
            (f"{sigma:g}", *(f"{value:.4f}" for value in row))
            for sigma, row in zip(self.sigmas, means.tolist(), strict=True)
        ]
        scores = [layer.scores.mean(dim=1).tolist() for layer in self.layers]
        by_layer = [
            (
                layer.name,
                str(layer.units),
                f"{layer.flicker.mean().item():.4f}",
                f"{layer.flicker.max().item():.4f}",
                *(f"{score:.4f}" for score in row),
            )
            for layer, row in zip(self.layers, scores, strict=True)
        ]
        times = "" if self.repeats == 1 else f", means of {self.repeats} draws"
        return "\n".join(
            [
                f"against copies with noise on the weights{times} ({self.num_inputs} inputs)",
                text_table([("sigma", "score", "chance", "adjusted", "wrong matches", "flipped bits"), *by_sigma]),
                f"layers: flicker (share of samples within {self.eps:g} of a boundary), scores by sigma",
                text_table(
                    [("layer", "units", "flicker", "largest", *(f"{sigma:g}" for sigma in self.sigmas)), *by_layer]
                ),
                *reading_lines([("the network", self.read, self.notes)]),
            ]
        )

    __repr__ = __str__


def stability(
    model: Model,
    inputs: Inputs,
    *,
    sigmas: Sequence[float] | Tensor = SIGMAS,
    repeats: int = 1,
    eps: float = 0.05,
    seed: int = 0,
    margin: float = 0.0,
    positions: Positions = 16,
    include: Names | None = None,
    exclude: Names | None = None,
    call: Call | None = None,
    progress: bool | None = None,
) -> Stability:
    """Compares a network with copies that have noise on their weights, and finds the units that flicker.

    A score below 1 between two networks means little if the network itself, after a change of its weights that doesn't
    matter, scores no higher. Noise is normal and independent, with a standard deviation of sigma times the root mean
    square of its tensor, on the weights and biases of all affine layers but the last, which hidden units don't see;
    normalisation layers and slopes are left alone. All sigmas take the same draws, times sigma. docs/stability.md says
    how to read the result.

    The network is left exactly as it is, and so is the global random state.

    Args:
        model: A ``torch.nn.Module``, as :func:`compare` takes it. Of one that is read by hooks, pre-activations are as
            they are, not canonical, and noise is on the parameters of all affine modules that run but the last one.
        inputs: A tensor or batches, as for :func:`compare`. Of a tensor, one copy of the network is compared after the
            other; batches are gone through once, with all copies in memory.
        sigmas: At least one finite number of at least 0 (a sequence, or a tensor or array of one dimension). Of 0 the
            score is exactly 1.
        repeats: Draws of the noise, at least 1.
        eps: What counts as near a boundary, relative to the root mean square of the layer's canonical pre-activations:
            of those of the first inputs, 4096 or as many as take 256 MiB, at all positions. Finite, at least 0.
        seed: Of the noise, of points and of the shuffle behind chance levels: any int64.
        margin: A unit fires where its canonical pre-activation is above this; finite, at least 0.
        positions: Samples an input, as for :func:`compare`; so are the next four.
        include: Names of hidden layers to look at; noise is on all of them.
        exclude: Names of hidden layers not to look at.
        call: Runs the network on a batch.
        progress: Whether a bar shows the progress.

    Returns:
        Scores, flipped bits and the rest for each sigma and repeat, and how much each unit flickers, on the CPU.

    Raises:
        TypeError, ValueError: For what is no module, inputs that aren't batches of equal shapes or are used up, and
            options out of range.
        RuntimeError: From the operators: networks without hidden layers, inputs that don't fit, NaN or infinities on
            the way to a hidden layer (says where).
    """
    amounts = _checked_sigmas(sigmas)
    if checked_integer("repeats", repeats) < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    near = nonnegative_number("eps", eps)
    settings = checked_settings(Settings.num_hashes, seed, margin, positions)
    choice = checked_choice(include, exclude)
    if isinstance(inputs, Tensor):
        check_tensor(inputs, "inputs")
    options = Options(settings, near, amounts, repeats, choice, checked_call(call))
    module = readable("", model)
    original = flicker_reader(module, options)
    copies = noisy_readers(module, options)
    with shown(progress, "reading the network and its copies", inputs, 1 + len(amounts) * repeats) as bar:

        def collected(readers: Sequence[Reader[Any]]) -> list[Evidence]:
            return collect(readers, inputs, "exact", Settings.num_hashes, progress=bar)

        if isinstance(inputs, Tensor | Mapping):
            (evidence,) = collected([original])
            others: Iterator[Evidence] = (collected([copy])[0] for copy in copies)
        else:
            evidence, *rest = collected([original, *copies])
            others = iter(rest)
        table = _Table(evidence, len(amounts), repeats)
        for repeat in range(repeats):
            for sigma in range(len(amounts)):
                table.add(sigma, repeat, next(others))
        return table.result(amounts, near, original.near())


def _checked_sigmas(sigmas: object) -> tuple[float, ...]:
    amounts = as_list("sigmas", sigmas)
    if amounts is None:
        raise TypeError(f"sigmas must be a sequence of numbers, such as (0.01, 0.1), got {sigmas!r}")
    if not amounts:
        raise ValueError("sigmas must hold at least one number, got none")
    return tuple(nonnegative_number(f"sigmas[{index}]", sigma) for index, sigma in enumerate(amounts))


class _Table:
    """The numbers of all copies, as they come."""

    def __init__(self, evidence: Evidence, sigmas: int, repeats: int):
        self._evidence = evidence
        self._repeats = repeats
        layers = len(evidence.layers)
        # scores, chances, wrong matches, flipped bits; the network's last
        self._values = torch.zeros(4, layers + 1, sigmas, repeats, dtype=torch.float64, device="cpu")
        self._flips = [self._values.new_zeros(sigmas, layer.units) for layer in evidence.layers]

    def add(self, sigma: int, repeat: int, copy: Evidence) -> None:
        """Compares the network with a copy."""
        own = self._evidence
        pairs = list(zip(own.layers, copy.layers, strict=True))
        _, scores, chances, _, network, matches, _ = ops.compare_layers(
            [layer.rows for layer, _ in pairs],
            [layer.rows for _, layer in pairs],
            [],
            own.num_samples,
            copy.num_samples,
            "jaccard",
            [],
            copy.partners,
        )
        wrong_matches = [
            _wrong_matches(*layers, partners.cpu()) for layers, partners in zip(pairs, matches, strict=True)
        ]
        flips = [_flips(*layers, samples) for layers, samples in zip(pairs, own.num_samples, strict=True)]
        here = self._values[:, :, sigma, repeat]
        here[0] = torch.cat([scores, network[:1]])
        here[1] = torch.cat([chances, network[1:2]])
        units = sum(layer.units for layer in own.layers)
        bits = sum(layer.units * samples for layer, samples in zip(own.layers, own.num_samples, strict=True))
        for place, (layer, samples) in enumerate(zip(own.layers, own.num_samples, strict=True)):
            here[2, place] = wrong_matches[place] / layer.units
            here[3, place] = flips[place].sum() / (layer.units * samples)
            self._flips[place][sigma] += flips[place] / (samples * self._repeats)
        here[2, -1] = sum(wrong_matches) / units
        here[3, -1] = sum(count.sum().item() for count in flips) / bits

    def result(self, sigmas: tuple[float, ...], eps: float, near: Sequence[Tensor]) -> Stability:
        """All that was added."""
        adjusted = adjusted_score(self._values[0], self._values[1])

        def numbers(place: int) -> dict[str, Tensor]:
            scores, chances, wrong_matches, flipped = (values[place].clone() for values in self._values)
            return {
                "scores": scores,
                "chances": chances,
                "adjusted": adjusted[place].clone(),
                "wrong_matches": wrong_matches,
                "flipped": flipped,
            }

        own = self._evidence
        layers = tuple(
            LayerStability(
                name=layer.name,
                units=layer.units,
                num_samples=samples,
                flips=self._flips[place],
                flicker=near[place].double() / samples,
                **numbers(place),
            )
            for place, (layer, samples) in enumerate(zip(own.layers, own.num_samples, strict=True))
        )
        return Stability(
            sigmas=sigmas,
            repeats=self._repeats,
            eps=eps,
            num_inputs=own.num_inputs,
            layers=layers,
            read=own.read,
            notes=own.notes,
            **numbers(-1),
        )


def _wrong_matches(own: LayerEvidence, copy: LayerEvidence, partners: Tensor) -> int:
    """Units that aren't matched to themselves, nor to one that can't be told from them."""
    is_same = partners == torch.arange(own.units, device=partners.device)
    for layer in (own, copy):
        is_same |= layer.fingerprints == layer.fingerprints[partners]
    return int((~is_same).sum())


def _flips(own: LayerEvidence, copy: LayerEvidence, num_samples: int) -> Tensor:
    """Samples on which each unit's bit is another one: float64 ``[units]``."""
    counts: Tensor = ops.signature_statistics(own.rows ^ copy.rows, num_samples)[0]
    return counts.cpu().double()  # integers divided by integers have the default dtype
