"""A network with its units where another network's are."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .modes import exact_arithmetic
from .progress import SILENT, Progress, shown
from .reading.evidence import NetworkReader, collect, common_device
from .reading.inputs import Inputs, check_tensor, chunks
from .reading.layer_evidence import Evidence
from .set_parameters import check_settable, copy_with
from .settings import Positions, Settings, checked_flag, checked_settings

ops = torch.ops.funcsim

SIMILARITIES = ("jaccard", "phi", "correlation", "weights")
ROLES = ("the reference", "the model")  # as operators call them too
PROVING_INPUTS = 256  # as many as align_parameters looks at


def role_of_other(index: int, others: int) -> str:
    """What messages call a network that is aligned, of several that are merged with the reference."""
    return ROLES[1] if others == 1 else f"network {index + 1}"


@dataclass(frozen=True)
class AlignSettings:
    """How units are matched and moved.

    Attributes:
        similarity: One of SIMILARITIES.
        coordinate_descent: Whether to go on from the first matching by the weights of neighbouring layers.
        rescale: Whether units take the norms of their counterparts.
        signatures: Which samples are looked at, and when a unit fires.
    """

    similarity: str
    coordinate_descent: bool
    rescale: bool
    signatures: Settings


@dataclass(frozen=True, eq=False)
class Alignment:
    """A network whose units have moved.

    Attributes:
        parameters: Of the model, in its own dtype, aligned.
        matches: For each hidden layer int64 ``[units of the reference]``: the model's unit before it moved, or -1.
        orders: For each hidden layer int64 ``[units of the model]``: new unit j was unit ``orders[l][j]``.
        moments: Of the reference's and of the aligned model's hidden layers, each float64 ``[2, units]``: means and
            variances of canonical pre-activations. None unless they were asked for and come with the similarity.
    """

    parameters: list[Tensor]
    matches: list[Tensor]
    orders: list[Tensor]
    moments: tuple[list[Tensor], list[Tensor]] | None


def checked_align_settings(
    similarity: str, *, coordinate_descent: bool, rescale: bool, seed: int, margin: float, positions: Positions
) -> AlignSettings:
    """Settings that :func:`find_alignment` takes.

    Raises:
        ValueError, TypeError: Says what was expected and what came.
    """
    if similarity not in SIMILARITIES:
        names = ", ".join(f'"{name}"' for name in SIMILARITIES[:-1])
        raise ValueError(f'similarity must be {names} or "{SIMILARITIES[-1]}", got {similarity!r}')
    settings = checked_settings(Settings().num_hashes, seed, margin, positions)
    if similarity == "correlation" and settings.positions == "any":
        raise ValueError('similarity "correlation" needs activations at positions, got positions "any"')
    return AlignSettings(
        similarity, checked_flag("coordinate_descent", coordinate_descent), checked_flag("rescale", rescale), settings
    )


class _FirstInputs:
    """Keeps those that the aligned network is checked on."""

    def __init__(self) -> None:
        self._parts: list[Tensor] = []
        self._count = 0

    def add(self, chunk: Tensor) -> None:
        if self._count < PROVING_INPUTS:
            self._parts.append(chunk[: PROVING_INPUTS - self._count].clone())
            self._count += len(self._parts[-1])

    def join(self) -> Tensor:
        return torch.cat(self._parts)


def find_alignment(
    reference: nn.Sequential,
    model: nn.Sequential,
    inputs: Inputs,
    settings: AlignSettings,
    *,
    with_moments: bool = False,
    progress: Progress = SILENT,
) -> Alignment:
    """Matches the units of two networks and moves the model's, in one pass over the inputs.

    Args:
        reference: The network whose order of units is kept.
        model: The one whose units move. Neither is changed.
        inputs: A tensor or batches.
        settings: How.
        with_moments: Whether the moments of hidden units are wanted, which come with the similarities "jaccard" and
            "phi".
        progress: Is told what was read: both networks on all inputs, but for the similarity "weights".

    Raises:
        TypeError, ValueError, RuntimeError: As :func:`align`.
    """
    if isinstance(inputs, Tensor):
        check_tensor(inputs, "inputs")
    by_signatures = settings.similarity in ("jaccard", "phi")
    readers = [
        NetworkReader(
            role, network, settings.signatures, with_shuffled=False, with_moments=with_moments and by_signatures
        )
        for role, network in zip(ROLES, (reference, model), strict=True)
    ]
    depths = [len(reader.names) for reader in readers]
    if depths[0] != depths[1]:
        raise ValueError(
            f"networks can be aligned if they have equally many hidden layers, got {depths[0]} ({ROLES[0]}) and "
            f"{depths[1]} ({ROLES[1]})"
        )
    device = common_device(readers)
    described = [argument for reader in readers for argument in (reader.architecture, reader.parameters)]
    first = _FirstInputs()
    similarities: list[Tensor] = []
    with exact_arithmetic():
        if by_signatures:
            a, b = collect(readers, inputs, "exact", settings.signatures.num_hashes, first, progress)
            progress.stage("comparing units")
            similarities = _similarities(a, b, settings.similarity)
        elif settings.similarity == "correlation":
            similarities = _correlations(described, inputs, settings.signatures, device, first, progress)
        else:
            first.add(next(chunks(inputs)))
        progress.stage("matching units")
        proving = first.join()
        proving = proving.to(device) if proving.is_cpu else proving
        matches = ops.match_units(*described, similarities, settings.coordinate_descent, proving.dim())
        parameters, orders = ops.align_parameters(*described, matches, proving, settings.rescale)
    moments = None
    if with_moments and by_signatures:
        # The aligned model's: canonical ones move with their units and don't see scales.
        moved = [of_layer[:, order] for of_layer, order in zip(readers[1].moments, orders, strict=True)]
        moments = readers[0].moments, moved
    return Alignment(parameters, matches, orders, moments)


def _correlations(
    described: list[str | list[Tensor]],
    inputs: Inputs,
    settings: Settings,
    device: torch.device,
    first: _FirstInputs,
    progress: Progress,
) -> list[Tensor]:
    so_far: list[Tensor] = []
    count = 0
    for chunk in chunks(inputs):
        first.add(chunk)
        there = chunk.to(device) if chunk.is_cpu else chunk
        so_far = ops.activation_correlations(
            *described, there, so_far, settings.operator_positions, settings.seed, count
        )
        count += len(chunk)
        progress.advance(2 * len(chunk))
    return [correlations.float() for correlations in so_far[::3]]


def _similarities(a: Evidence, b: Evidence, similarity: str) -> list[Tensor]:
    matrices = []
    for of_a, of_b, num_samples in zip(a.layers, b.layers, a.num_samples, strict=True):
        if of_a.samples_per_input != of_b.samples_per_input:
            raise ValueError(
                f"hidden layers {of_a.name} ({ROLES[0]}) and {of_b.name} ({ROLES[1]}) have different numbers of "
                f"samples an input, {of_a.samples_per_input} and {of_b.samples_per_input}; "
                'positions="any" gives both one'
            )
        if similarity == "phi":
            matrices.append(ops.phi(of_a.rows, of_b.rows, num_samples))
        else:
            matrices.append(ops.jaccard(of_a.rows, of_b.rows))
    return matrices


def align(
    reference: nn.Sequential,
    model: nn.Sequential,
    inputs: Inputs,
    *,
    similarity: str = "jaccard",
    coordinate_descent: bool = False,
    rescale: bool = False,
    seed: int = 0,
    margin: float = 0.0,
    positions: Positions = 16,
    progress: bool | None = None,
) -> nn.Sequential:
    """A network that computes the same function as ``model``, with hidden units where ``reference`` has theirs.

    Units are matched layer by layer, and moved together with everything that belongs to them: rows and biases of their
    affine layer, numbers of the normalisations and activations behind it, columns of the next one. That the function is
    the same is checked before the network is returned: both versions are run on the first 256 inputs in float64.
    docs/alignment.md says what is matched how, and what grouped convolutions and GroupNorms allow.

    Layers may have different widths. Where the model has at least as many units as the reference, units that have a
    counterpart are in its place, and those without fill the other places in their own order; where it has fewer, its
    units are in the order of their counterparts, and those without one come last.

    Args:
        reference: A Sequential that :func:`describe` can read, with hidden layers, on the CPU or on CUDA.
        model: Another one with as many hidden layers, on the same device. Neither is changed.
        inputs: A tensor ``[inputs, features...]`` or batches, as in :func:`compare`.
        similarity: By what units are matched. "jaccard" and "phi" compare when they fire, from one bit a sample;
            "correlation" compares the activations themselves (their Pearson correlation, streamed: those of some
            inputs are held, and a matrix of float64 a layer); "weights" compares canonical weights, layer after
            layer, and reads the inputs for the check of the function only. Units that the first three can't tell apart
            are told apart by their canonical weights.
        coordinate_descent: Whether to go on from that matching by the weights of the layers around, until nothing
            changes ("Git Re-Basin", arXiv:2209.04836).
        rescale: Whether units also take the norms of their counterparts, where scales can be moved (what
            :func:`canonicalize` takes out). Without, parameters keep their values, bit for bit, in other places.
        seed: Of the points that ``positions`` takes.
        margin: Above which a unit fires, for "jaccard" and "phi".
        positions: Samples an input of a layer whose units have a grid of positions: "all", a number of points, or, but
            for "correlation", "any".
        progress: Whether a bar shows the progress, as for :func:`compare`.

    Returns:
        A deep copy of the model with other parameters, as :func:`canonicalize` makes one. Training modes,
        ``requires_grad``, dtypes and devices are as in the model.

    Raises:
        TypeError, ValueError: As :func:`compare`; for parametrised modules in the model, whose weights can't be set;
            for networks with different numbers of hidden layers, and layers with different numbers of samples an input.
        RuntimeError: From the operators: for inputs that don't fit, NaN on the way, networks in which a unit loses its
            identity, groups that don't correspond; and, naming how far they are apart, if the functions differ.
    """
    settings = checked_align_settings(
        similarity,
        coordinate_descent=coordinate_descent,
        rescale=rescale,
        seed=seed,
        margin=margin,
        positions=positions,
    )
    if isinstance(model, nn.Module):  # what isn't, is refused below
        check_settable(f"align: {ROLES[1]}", model)
    with shown(progress, "reading the networks", inputs, 2) as bar:
        alignment = find_alignment(reference, model, inputs, settings, progress=bar)
    with exact_arithmetic():
        return copy_with(model, alignment.parameters)
