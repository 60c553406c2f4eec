"""A network between others."""

import itertools
import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .align import ROLES, Alignment, AlignSettings, checked_align_settings, find_alignment, role_of_other
from .describe import architecture_text, detached_tensors, read_items
from .item_writer import Item
from .modes import exact_arithmetic
from .progress import SILENT, Progress, shown
from .reading.evidence import naming
from .reading.inputs import Inputs, check_tensor, chunks
from .set_parameters import check_settable, copy_with
from .settings import Positions, as_list, checked_flag

ops = torch.ops.funcsim


@dataclass(frozen=True, eq=False)
class Path:
    """Networks of one architecture, and the way between them.

    Attributes:
        architecture: Of all.
        parameters: Of each.
        moments: Of all hidden layers of each, or none: ``merge_parameters`` takes them.
        inputs: What statistics are repaired on.
    """

    architecture: str
    parameters: list[list[Tensor]]
    moments: list[Tensor]
    inputs: Tensor

    def merged(self, weights: Sequence[float], *, repair: bool) -> list[Tensor]:
        """The parameters at a point on the way."""
        parameters = list(itertools.chain.from_iterable(self.parameters))
        with exact_arithmetic():
            merged: list[Tensor] = ops.merge_parameters(
                self.architecture, parameters, list(weights), self.moments, self.inputs, repair
            )
        return merged


def aligned_path(
    networks: Sequence[nn.Sequential],
    inputs: Tensor,
    settings: AlignSettings,
    *,
    with_moments: bool,
    progress: Progress = SILENT,
) -> Path:
    """The way from the first network to the others, after these are aligned to it."""
    reference, *others = networks

    def alignment_of(index: int) -> Alignment:
        role = role_of_other(index, len(others)) if len(others) > 1 else ""
        with naming(role):
            progress.begin("reading the networks")
            other = others[index]
            return find_alignment(reference, other, inputs, settings, with_moments=with_moments, progress=progress)

    alignments = [alignment_of(index) for index in range(len(others))]
    parameters = [detached_tensors(read_items(reference)), *(alignment.parameters for alignment in alignments)]
    pairs = [alignment.moments for alignment in alignments if alignment.moments is not None]
    moments = [*pairs[0][0], *itertools.chain.from_iterable(pair[1] for pair in pairs)] if pairs else []
    return Path(common_architecture(networks), parameters, moments, inputs)


def merge(
    a: nn.Sequential,
    b: nn.Sequential | Sequence[nn.Sequential],
    inputs: Inputs,
    weight: float | Sequence[float] | Tensor | None = None,
    *,
    similarity: str = "jaccard",
    rescale: bool = True,
    repair: bool = True,
    coordinate_descent: bool = False,
    seed: int = 0,
    margin: float = 0.0,
    positions: Positions = 16,
    progress: bool | None = None,
) -> nn.Sequential:
    """One network between others: ``b``, aligned to ``a`` as by :func:`align`, is averaged with it weight by weight.

    A mean of weights has units whose activations vary less than those of either network, layer after layer. So the
    statistics are repaired afterwards: a unit gets, on the inputs, the weighted means of the means and standard
    deviations that it has in the networks (REPAIR, Jordan et al., arXiv:2211.08403), by its weight and bias. A
    BatchNorm gets running statistics with which it normalises as the networks' did: its units have the weighted means
    if the networks' running statistics are those of the inputs. docs/mathematics.md, section 14, has the details. A
    network merged with a permuted and rescaled copy of itself stays what it is, to rounding.

    Args:
        a: The reference: a Sequential that :func:`describe` can read, with hidden layers, on the CPU or on CUDA. The
            merged network has its order of units.
        b: Another network of the same architecture, on the same device and of the same dtype; or several, all of which
            are aligned to ``a``; messages call ``b[i]`` network i + 1. None is changed.
        inputs: A tensor ``[inputs, features...]`` or batches, as in :func:`compare`. Batches are kept in memory, since
            repair goes through them once more. Give inputs such as the networks were
            trained on.
        weight: The share of ``b``, from 0 to 1; ``a`` has the rest. Of several networks, a share for each (a
            sequence, or a tensor or array of one dimension), of sum at most 1. None: equal shares for all.
        similarity: By what units are matched: "jaccard", "phi", "correlation" or "weights", as in :func:`align`.
        rescale: Whether units of ``b`` take the norms of their counterparts first. The other choice averages weights
            of different scales.
        repair: Whether to repair statistics.
        coordinate_descent: Whether to go on from the first matching by the weights of the layers around.
        seed: Of the points that ``positions`` takes.
        margin: Above which a unit fires, for "jaccard" and "phi".
        positions: Samples an input of a layer whose units have a grid of positions, for the matching. Repair takes all.
        progress: Whether a bar shows the progress, as for :func:`compare`.

    Returns:
        A deep copy of ``a`` with other parameters, as :func:`canonicalize` makes one.

    Raises:
        TypeError, ValueError: As :func:`align`; for networks of different architectures (names the layer); for weights
            out of range.
        RuntimeError: From the operators, as :func:`align`; for networks of different dtypes; and where statistics or
            merged parameters are not finite (names the layer).
    """
    settings = checked_align_settings(
        similarity,
        coordinate_descent=coordinate_descent,
        rescale=rescale,
        seed=seed,
        margin=margin,
        positions=positions,
    )
    others = checked_others(b)
    weights = _checked_weights(weight, len(others))
    checked_flag("repair", repair)
    if isinstance(a, nn.Module):  # what isn't, is refused below
        check_settable(f"merge: {ROLES[0]}", a)
    networks = [a, *others]
    common_architecture(networks)
    # To gather the inputs goes through them once, and each alignment reads two networks.
    passes = 1 if similarity == "weights" else 1 + 2 * len(others)
    with shown(progress, "gathering the inputs", inputs, passes) as bar:
        path = aligned_path(networks, gathered(inputs, a, bar), settings, with_moments=repair, progress=bar)
        bar.stage("averaging and repairing" if repair else "averaging")
        return copy_with(a, path.merged(weights, repair=repair))


def checked_others(b: object) -> list[nn.Sequential]:
    """The networks that are aligned, of which there is at least one."""
    if isinstance(b, list | tuple):
        if not b:
            raise ValueError("b must be a network or at least one of them, got none")
        return list(b)
    if isinstance(b, nn.Module):
        return [b]  # type: ignore[list-item]  # what is no Sequential is refused when it is read
    raise TypeError(f"b must be a torch.nn.Sequential or a list of these, got {b!r}")


def _checked_weights(weight: object, others: int) -> list[float]:
    """One for each network, a's first."""
    if weight is None:
        return [1 / (others + 1)] * (others + 1)
    several = as_list("weight", weight)
    given = [weight] if several is None else several
    if len(given) != others:
        raise ValueError(f"weight must have one share for each network in b, {others}, got {weight!r}")
    shares = [checked_share("weight", share) for share in given]
    rest = 1 - math.fsum(shares)
    if rest < -1e-9:
        raise ValueError(f"weight must have a sum of at most 1, got {weight!r}")
    return [max(rest, 0.0), *shares]


def checked_share(name: str, share: object) -> float:
    """A number from 0 to 1."""
    if isinstance(share, Tensor) and share.dim() == 0:
        share = share.item()
    if not isinstance(share, numbers.Real) or isinstance(share, bool):
        raise TypeError(f"{name} must be a number from 0 to 1, got {share!r}")
    value = float(share)
    if not 0 <= value <= 1:  # NaN isn't
        raise ValueError(f"{name} must be from 0 to 1, got {share!r}")
    return value


def common_architecture(networks: Sequence[nn.Sequential]) -> str:
    """The description of all networks.

    Raises:
        ValueError: Names the first module that differs.
    """
    roles = [ROLES[0], *(role_of_other(index, len(networks) - 1) for index in range(len(networks) - 1))]

    def items_of(role: str, network: nn.Sequential) -> list[Item]:
        with naming(role):
            return read_items(network)

    reference, *others = [items_of(role, network) for role, network in zip(roles, networks, strict=True)]
    for role, items in zip(roles[1:], others, strict=True):
        for of_a, of_b in itertools.zip_longest(reference, items):
            if of_a is None or of_b is None or of_a.text != of_b.text:
                raise ValueError(
                    f"networks can be merged if they have one architecture, got {_shown(of_a)} ({ROLES[0]}) and "
                    f"{_shown(of_b)} ({role})"
                )
    return architecture_text(reference)


def _shown(item: Item | None) -> str:
    return "no further module" if item is None else f"module {item.place}, {item.text}"


def gathered(inputs: Inputs, network: nn.Sequential, progress: Progress = SILENT) -> Tensor:
    """All inputs in one tensor on the network's device; those of another device stay where they are."""
    if isinstance(inputs, Tensor):
        check_tensor(inputs, "inputs")
        whole = inputs.detach()
        progress.advance(len(whole))
    else:
        parts = []
        for chunk in chunks(inputs):
            parts.append(chunk.clone())
            progress.advance(len(chunk))
        whole = torch.cat(parts)
    device = next((tensor.device for tensor in network.state_dict().values()), whole.device)
    return whole.to(device) if whole.is_cpu else whole
