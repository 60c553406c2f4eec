"""What the operators that say how far to trust a score look like without data: fakes, as in :mod:`.fakes`."""

# torch's register_fake has no types.
# mypy: disable-error-code="untyped-decorator"

from collections.abc import Sequence

import torch
from torch import Tensor

from .._library import plan_samples
from .fakes import Size, check_one_device


@torch.library.register_fake("funcsim::signature_cka")
def _signature_cka(signatures_a: Tensor, signatures_b: Tensor, num_samples: Size, debiased: bool = False) -> Tensor:
    check_one_device("signature_cka", signatures_a, signatures_b)
    return signatures_a.new_empty((), dtype=torch.float64)


@torch.library.register_fake("funcsim::bootstrap_scores")
def _bootstrap_scores(
    layers_a: Sequence[Tensor],
    layers_b: Sequence[Tensor],
    matches: Sequence[Tensor],
    num_samples: Sequence[Size],
    num_inputs: Size,
    replicates: int = 1000,
    seed: int = 0,
    similarity: str = "jaccard",
) -> Tensor:
    """The scores of matched layers, had other inputs of their kind come: a block bootstrap over inputs.

    Inputs are cut into blocks of consecutive ones: each is one, up to 256; more inputs make 256 blocks, as even as can
    be. A replicate draws as many blocks as there are, with replacement (docs/hash.md), the same for all layers. The
    matching stays. Works on the host: tensors of a device are copied there.

    Args:
        layers_a: For each pair of layers the signatures of a's, uint8 ``[units, ceil(samples / 8)]``.
        layers_b: Those of b's, of the same samples.
        matches: For each pair int64 ``[units of a]``: the unit of b that is each unit's counterpart, or -1; none twice.
        num_samples: Samples of each pair of layers, a multiple of ``num_inputs``.
        num_inputs: Inputs that the samples come from, at least 2.
        replicates: From 1 to 2**24.
        seed: Of the draws: any int64.
        similarity: "jaccard" or "phi".

    Returns:
        float64 ``[replicates, pairs]``: the sum of the matched pairs' similarities / max(units of a, units of b).

    Raises:
        RuntimeError: For layers of other dtypes or shapes, numbers of samples that don't fit, matches that name no unit
            or one twice, an unknown similarity, and numbers out of range.
    """
    check_one_device("bootstrap_scores", *layers_a, *layers_b, *matches)
    return layers_a[0].new_empty((replicates, len(layers_a)), dtype=torch.float64)


@torch.library.register_fake("funcsim::shuffled_scores")
def _shuffled_scores(
    layers_a: Sequence[Tensor],
    layers_b: Sequence[Tensor],
    num_samples: Sequence[Size],
    num_inputs: Size,
    shuffles: int,
    seed: int = 0,
    similarity: str = "jaccard",
) -> Tensor:
    """Scores layers against layers with shuffled inputs, many times over: what they are worth by chance.

    Each shuffle moves whole inputs and is the same for all layers. Units are matched anew every time. With R shuffles,
    ``(1 + number of these scores that are at least the true one) / (1 + R)`` is a p-value (docs/mathematics.md).

    Args:
        layers_a: As for ``bootstrap_scores``, and so are the next two.
        layers_b: Of b's layers.
        num_samples: Of each pair of layers.
        num_inputs: Inputs that the samples come from, at least 1.
        shuffles: From 1 to 2**24.
        seed: Of the shuffles: any int64.
        similarity: "jaccard" or "phi".

    Returns:
        float64 ``[shuffles, pairs]``.

    Raises:
        RuntimeError: For layers of other dtypes or shapes, numbers of samples that don't fit, an unknown similarity,
            and numbers out of range.
    """
    check_one_device("shuffled_scores", *layers_a, *layers_b)
    return layers_a[0].new_empty((shuffles, len(layers_a)), dtype=torch.float64)


@torch.library.register_fake("funcsim::boundary_counts")
def _boundary_counts(
    architecture: str,
    parameters: Sequence[Tensor],
    inputs: Tensor,
    distances: Tensor,
    margin: float = 0.0,
    positions: int = 16,
    seed: int = 0,
    first_input: Size = 0,
) -> list[Tensor]:
    """Runs a network in eval mode and counts the samples near each hidden unit's boundary.

    Near are those whose canonical pre-activation, which a norm of 1 makes a distance (docs/mathematics.md), is at most
    that far from the margin: bits there flip with the slightest change of weights. Counts of batches add up.

    Args:
        architecture: As for ``network_signatures``, and so are ``inputs`` and the last four. Of the positions of
            "any", the one with the largest pre-activation counts, which decides the bit.
        parameters: Its tensors.
        inputs: ``[inputs, features...]``.
        distances: float64 ``[hidden layers, distances]``, finite and at least 0.
        margin: Where the boundary is: a unit fires where its canonical pre-activation is above this.
        positions: Samples an input.
        seed: Of points.
        first_input: Global index of the first input.

    Returns:
        For each hidden layer int64 ``[units, distances]``: samples with ``|z - margin * s_i| <= distance * s_i``.

    Raises:
        RuntimeError: As ``network_signatures``; for distances of another dtype, shape or range; where a unit loses its
            identity on the way to the next affine layer; in a CUDA graph.
    """
    check_one_device("boundary_counts", *parameters, inputs, distances)
    plan = plan_samples(architecture, [int(size) for size in inputs.shape[1:]], positions)
    return [inputs.new_empty((units, distances.shape[1]), dtype=torch.int64) for units, _ in plan]
