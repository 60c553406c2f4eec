"""Loss and accuracy on the way from one network to another."""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from .align import ROLES, checked_align_settings
from .describe import detached_tensors, read_items
from .losses import Evaluation, Loss, gathered_pairs
from .merge import Path, aligned_path, checked_share, common_architecture, gathered
from .modes import exact_arithmetic
from .progress import shown
from .reading.evidence import naming
from .reading.inputs import Inputs
from .report.new_axes import new_axes
from .results import Result, text_table
from .set_parameters import check_settable
from .settings import Positions, as_list, checked_flag


@dataclass(frozen=True, repr=False)
class Barrier(Result):
    """What lies between two networks: what :func:`barrier` returns. Print it for a table.

    Each curve has a number for every weight: of the network between the two as they are, of that between ``a`` and the
    aligned ``b``, and of the repaired one.

    Attributes:
        weights: Shares of ``b``, ascending.
        loss_a: Of network ``a``.
        loss_b: Of network ``b``.
        loss_before: Losses before alignment.
        loss_aligned: After alignment.
        loss_repaired: After repair; None if it wasn't asked for.
        accuracy_before: Shares of inputs whose largest output is that of their target; None where targets aren't
            classes. So are the next two.
        accuracy_aligned: After alignment.
        accuracy_repaired: After repair.
    """

    weights: tuple[float, ...]
    loss_a: float
    loss_b: float
    loss_before: tuple[float, ...]
    loss_aligned: tuple[float, ...]
    loss_repaired: tuple[float, ...] | None
    accuracy_before: tuple[float, ...] | None
    accuracy_aligned: tuple[float, ...] | None
    accuracy_repaired: tuple[float, ...] | None

    @property
    def barrier_before(self) -> float:
        """The largest excess of the loss over the straight line between both networks' losses; at least 0."""
        return self._excess(self.loss_before)

    @property
    def barrier_aligned(self) -> float:
        """The same after alignment."""
        return self._excess(self.loss_aligned)

    @property
    def barrier_repaired(self) -> float | None:
        """The same after repair; None if it wasn't asked for."""
        return None if self.loss_repaired is None else self._excess(self.loss_repaired)

    def _excess(self, losses: Sequence[float]) -> float:
        excesses = [
            loss - ((1 - weight) * self.loss_a + weight * self.loss_b)
            for weight, loss in zip(self.weights, losses, strict=True)
        ]
        # Not max(), which may lose a NaN.
        return math.nan if any(map(math.isnan, excesses)) else max(0.0, *excesses)

    def to_dict(self) -> dict[str, Any]:
        """All attributes and barriers as numbers, lists and None, ready for JSON. What isn't finite becomes None."""
        barriers = {
            "barrier_before": self.barrier_before,
            "barrier_aligned": self.barrier_aligned,
            "barrier_repaired": self.barrier_repaired,
        }
        finite = {name: value if value is None or math.isfinite(value) else None for name, value in barriers.items()}
        return super().to_dict() | finite

    def __str__(self) -> str:
        """The barriers and a table of the curves."""
        curves = [("before", self.loss_before, self.accuracy_before, self.barrier_before)]
        curves.append(("aligned", self.loss_aligned, self.accuracy_aligned, self.barrier_aligned))
        if self.loss_repaired is not None and self.barrier_repaired is not None:
            curves.append(("repaired", self.loss_repaired, self.accuracy_repaired, self.barrier_repaired))
        head = "barrier " + ", ".join(f"{barrier:.4f} {name}" for name, _, _, barrier in curves)
        rows = [["weight"], *([f"{weight:.3f}"] for weight in self.weights)]
        for name, losses, accuracies, _ in curves:
            columns = [(f"loss {name}", losses)]
            if accuracies is not None:
                columns.append((f"accuracy {name}", accuracies))
            for heading, values in columns:
                for row, cell in zip(rows, [heading, *(f"{number:.4f}" for number in values)], strict=True):
                    row.append(cell)
        return "\n".join([head, text_table(rows)])

    __repr__ = __str__

    def plot(self, axes: Any = None) -> Any:
        """Draws the losses over the weights.

        Args:
            axes: matplotlib axes to draw into; None makes a figure.

        Returns:
            The axes.

        Raises:
            ImportError: Without matplotlib.
        """
        if axes is None:
            axes = new_axes("Barrier.plot")
        axes.plot(self.weights, self.loss_before, label="before")
        axes.plot(self.weights, self.loss_aligned, label="aligned")
        if self.loss_repaired is not None:
            axes.plot(self.weights, self.loss_repaired, label="repaired")
        axes.plot([0, 1], [self.loss_a, self.loss_b], linestyle=":", color="gray", label="line between the ends")
        axes.set_xlabel("weight of b")
        axes.set_ylabel("loss")
        axes.legend()
        return axes


def barrier(
    a: nn.Sequential,
    b: nn.Sequential,
    inputs: Inputs,
    targets: Tensor | None = None,
    *,
    weights: int | Sequence[float] | Tensor = 11,
    loss: Loss | None = None,
    similarity: str = "jaccard",
    rescale: bool = True,
    repair: bool = True,
    coordinate_descent: bool = False,
    seed: int = 0,
    margin: float = 0.0,
    positions: Positions = 16,
    repair_inputs: Inputs | None = None,
    progress: bool | None = None,
) -> Barrier:
    """Loss and accuracy of the networks on the straight path between two: before alignment, after it, and repaired.

    A path without a barrier after alignment means that both networks lie in one basin but for the order of their units
    (Entezari et al., arXiv:2110.06296; Ainsworth et al., arXiv:2209.04836).

    Args:
        a: The reference, as in :func:`merge`.
        b: The other network.
        inputs: What the loss is computed on: a tensor or batches, as in :func:`merge`, gone through once. Batches may
            hold targets too: of a tuple or list the second element, of a mapping "target", "targets", "label", "labels"
            or "y".
        targets: One for each input, in the order of ``inputs``. None: those of the batches, so that a DataLoader may
            shuffle. Where batches hold targets and others are given, these must be equal.

            Integers are classes ``[inputs]`` (or more dimensions, as ``torch.nn.functional.cross_entropy`` takes them):
            the loss is the cross entropy, and accuracies are taken too. Floating ones are of the outputs' shape: the
            loss is the mean squared error.
        weights: Shares of ``b``: a number of points from 0 to 1, at least 2, or the shares themselves (a sequence, or a
            tensor or array of one dimension).
        loss: A function of outputs and targets for another loss, the mean over the inputs.
        similarity: As in :func:`merge`, and so are the next six.
        rescale: Whether units of ``b`` take the norms of their counterparts.
        repair: Whether to repair networks as well, each point of the path anew.
        coordinate_descent: Whether the matching goes on by weights.
        seed: Of points.
        margin: Above which a unit fires.
        positions: Samples an input.
        repair_inputs: What units are matched and repaired on, if not on ``inputs``: training data, say.
        progress: Whether a bar shows the progress, as for :func:`compare`: of all networks that are run.

    Returns:
        The curves, on the CPU.

    Raises:
        TypeError, ValueError, RuntimeError: As :func:`merge`; for targets that are missing, that aren't one for each
            input, or that contradict those of the batches; where a network gives NaN (says which, for how many inputs).
    """
    settings = checked_align_settings(
        similarity,
        coordinate_descent=coordinate_descent,
        rescale=rescale,
        seed=seed,
        margin=margin,
        positions=positions,
    )
    shares = _checked_shares(weights)
    checked_flag("repair", repair)
    if isinstance(a, nn.Module):  # what isn't, is refused below
        check_settable(f"barrier: {ROLES[0]}", a)
    architecture = common_architecture([a, b])
    parameters_a, parameters_b = (detached_tensors(read_items(network)) for network in (a, b))
    evaluated, checked_targets = gathered_pairs(inputs, targets, a)
    matched_on = evaluated
    if repair_inputs is not None:
        with naming("repair_inputs"):
            matched_on = gathered(repair_inputs, a)
    dtypes = [{tensor.dtype for tensor in parameters} for parameters in (parameters_a, parameters_b)]
    if dtypes[0] != dtypes[1]:
        of_a, of_b = (", ".join(sorted(map(str, its))) for its in dtypes)
        raise ValueError(f"networks must be of one dtype, got {of_a} ({ROLES[0]}) and {of_b} ({ROLES[1]})")
    # What doesn't fit is said before any work.
    signatures = settings.signatures
    for role, given in ((ROLES[0], evaluated), (f"repair_inputs: {ROLES[0]}", matched_on)):
        with naming(role), exact_arithmetic():
            torch.ops.funcsim.network_signatures(
                architecture, parameters_a, given[:1], signatures.margin, signatures.operator_positions, signatures.seed
            )
    evaluation = Evaluation(a, evaluated, checked_targets, loss)
    stages = 3 if repair else 2
    with shown(progress, "the ends of the path", evaluated, 2 + stages * len(shares)) as bar:

        def evaluate(parameters: list[Tensor], name: str) -> tuple[float, float | None]:
            result = evaluation.of(parameters, name)
            bar.advance(len(evaluated))
            return result

        loss_a, loss_b = (
            evaluate(parameters, role)[0] for role, parameters in zip(ROLES, (parameters_a, parameters_b), strict=True)
        )
        bar.stage("aligning")
        aligned = aligned_path([a, b], matched_on, settings, with_moments=repair)
        unaligned = replace(aligned, parameters=[parameters_a, parameters_b], moments=[])

        def curve(stage: str, path: Path, *, repaired: bool) -> tuple[tuple[float, ...], tuple[float, ...] | None]:
            bar.begin(f"the path, {stage}")
            points = [
                evaluate(path.merged((1 - share, share), repair=repaired), f"the network at weight {share:g}, {stage},")
                for share in shares
            ]
            accuracies = [accuracy for _, accuracy in points if accuracy is not None]
            return tuple(value for value, _ in points), tuple(accuracies) if accuracies else None

        before, after = curve("before", unaligned, repaired=False), curve("aligned", aligned, repaired=False)
        repaired = curve("repaired", aligned, repaired=True) if repair else (None, None)
    return Barrier(
        weights=shares,
        loss_a=loss_a,
        loss_b=loss_b,
        loss_before=before[0],
        loss_aligned=after[0],
        loss_repaired=repaired[0],
        accuracy_before=before[1],
        accuracy_aligned=after[1],
        accuracy_repaired=repaired[1],
    )


def _checked_shares(weights: object) -> tuple[float, ...]:
    expected = "weights must be a number of points, at least 2, or shares from 0 to 1"
    shares = as_list("weights", weights)
    if shares is not None:
        if not shares:
            raise ValueError(f"{expected}, got none")
        return tuple(sorted(checked_share(f"weights[{index}]", share) for index, share in enumerate(shares)))
    try:
        count = operator.index(weights)  # type: ignore[arg-type]  # it raises for all else
    except TypeError:
        raise TypeError(f"{expected}, got {weights!r}") from None
    if isinstance(weights, bool) or count < 2:
        raise ValueError(f"{expected}, got {weights!r}")
    return tuple(index / (count - 1) for index in range(count))
