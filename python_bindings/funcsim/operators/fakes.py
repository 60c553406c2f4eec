"""What the operators on signatures and sketches look like without data: fake kernels.

``torch.compile`` and ``torch.export`` trace programs on tensors that have shapes but no values. The functions here
give the shapes of every operator's results, symbolic sizes included.

Their docstrings are the operators', and the reference is made of them. (An operator that has a typed function of its
name in :mod:`funcsim.operators.primitives` is documented there.)
"""

# torch's register_fake has no types.
# mypy: disable-error-code="untyped-decorator"

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

# Sizes are ints, or SymInts while a program is traced; typed Any because the two share no useful static type.
Size = Any


def check_one_device(op: str, *tensors: Tensor) -> None:
    """Raises RuntimeError where tensors are on several devices.

    Real tensors come here too, when they are mixed with those of the meta device.
    """
    devices = sorted({str(tensor.device) for tensor in tensors})
    if len(devices) > 1:
        raise RuntimeError(f"{op}: tensors must be on one device, got {' and '.join(devices)}")


def signature_bytes(num_samples: Size) -> Size:
    """Bytes of a signature of that many samples."""
    return (num_samples + 7) // 8


@torch.library.register_fake("funcsim::activation_signatures")
def _activation_signatures(preactivations: Tensor, margin: float = 0.0) -> Tensor:
    samples, units = preactivations.shape
    return preactivations.new_empty((units, signature_bytes(samples)), dtype=torch.uint8)


@torch.library.register_fake("funcsim::minhash")
def _minhash(
    signatures: Tensor, num_samples: Size, num_hashes: int = 1024, seed: int = 0, first_sample: Size = 0
) -> Tensor:
    return signatures.new_empty((signatures.shape[0], num_hashes), dtype=torch.int32)


@torch.library.register_fake("funcsim::jaccard")
def _jaccard(signatures_a: Tensor, signatures_b: Tensor) -> Tensor:
    check_one_device("jaccard", signatures_a, signatures_b)
    return signatures_a.new_empty((signatures_a.shape[0], signatures_b.shape[0]), dtype=torch.float32)


@torch.library.register_fake("funcsim::phi")
def _phi(signatures_a: Tensor, signatures_b: Tensor, num_samples: Size) -> Tensor:
    """Phi coefficients of all pairs of packed signatures: the Pearson correlation of their bits.

    ``(n |A and B| - |A| |B|) / sqrt(|A| (n - |A|) |B| (n - |B|))`` with n samples, from exact counts.

    Args:
        signatures_a: uint8 ``[a, ceil(num_samples / 8)]``, padding bits 0.
        signatures_b: uint8 ``[b, ceil(num_samples / 8)]``, of the same samples.
        num_samples: n, below 2**31.

    Returns:
        float32 ``[a, b]``, from -1 to 1. Two equal constant units have 1, and other pairs with a constant unit 0.

    Raises:
        RuntimeError: For other dtypes or shapes, padding bits that are set, and signatures of different lengths.
    """
    check_one_device("phi", signatures_a, signatures_b)
    return signatures_a.new_empty((signatures_a.shape[0], signatures_b.shape[0]), dtype=torch.float32)


@torch.library.register_fake("funcsim::minhash_jaccard")
def _minhash_jaccard(sketches_a: Tensor, sketches_b: Tensor) -> Tensor:
    check_one_device("minhash_jaccard", sketches_a, sketches_b)
    return sketches_a.new_empty((sketches_a.shape[0], sketches_b.shape[0]), dtype=torch.float32)


@torch.library.register_fake("funcsim::linear_sum_assignment")
def _linear_sum_assignment(cost: Tensor, maximize: bool = False) -> tuple[Tensor, Tensor]:
    pairs = torch.sym_min(cost.shape[0], cost.shape[1])
    return cost.new_empty((pairs,), dtype=torch.int64), cost.new_empty((pairs,), dtype=torch.int64)


@torch.library.register_fake("funcsim::linear_sum_assignment_with_duals")
def _linear_sum_assignment_with_duals(cost: Tensor, maximize: bool = False) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    rows, columns = _linear_sum_assignment(cost, maximize)
    row_duals = cost.new_empty((cost.shape[0],), dtype=torch.float64)
    return rows, columns, row_duals, cost.new_empty((cost.shape[1],), dtype=torch.float64)


@torch.library.register_fake("funcsim::signature_statistics")
def _signature_statistics(signatures: Tensor, num_samples: Size, first_sample: Size = 0) -> tuple[Tensor, Tensor]:
    """How often units fire, and what tells their signatures apart.

    Counts of consecutive batches of samples add up, and so do fingerprints, modulo 2**64.

    Args:
        signatures: uint8 ``[units, ceil(num_samples / 8)]``, padding bits 0.
        num_samples: Samples of a signature, at least 0.
        first_sample: Global index of the signatures' first sample, a multiple of 64.

    Returns:
        ``counts``, int64 ``[units]``: samples on which a unit fires. ``fingerprints``, int64 ``[units]``: equal for
        equal signatures, and different for others but for a probability of 2**-64 (docs/hash.md).

    Raises:
        RuntimeError: For signatures that don't have ``num_samples`` bits, or a ``first_sample`` out of range.
    """
    units = signatures.shape[0]
    return signatures.new_empty((units,), dtype=torch.int64), signatures.new_empty((units,), dtype=torch.int64)


@torch.library.register_fake("funcsim::shuffle_samples")
def _shuffle_samples(
    signatures: Tensor, num_inputs: Size, samples_per_input: int = 1, seed: int = 0, first_input: Size = 0
) -> Tensor:
    """Signatures whose inputs have traded places, for the chance level: all inputs are paired (docs/hash.md).

    Args:
        signatures: uint8 ``[units, ceil(num_inputs * samples_per_input / 8)]``, padding bits 0.
        num_inputs: Inputs that the signatures are of, at least 0.
        samples_per_input: Samples that move together, at least 1.
        seed: Any int64. Give that of signatures at points of a grid: partners are looked at the same ones, then.
        first_input: Global index of the first input, at least 0.

    Returns:
        uint8, shaped as ``signatures``. Shuffling twice gives what was there before.

    Raises:
        RuntimeError: For signatures that don't have as many bits, or numbers out of range.
    """
    return signatures.new_empty(signatures.shape, dtype=torch.uint8)


@torch.library.register_fake("funcsim::shuffle_partners")
def _shuffle_partners(inputs: Tensor, seed: int = 0, first_input: Size = 0) -> Tensor:
    """Who trades places with whom in ``shuffle_samples``.

    Args:
        inputs: Any tensor ``[inputs, ...]``, of which the size only is looked at.
        seed: Any int64. Give that of signatures at points of a grid: partners are looked at the same ones, then.
        first_input: Global index of the first input, at least 0.

    Returns:
        int64 ``[inputs]``: the global index of each input's partner, or its own where an odd number leaves one over.

    Raises:
        RuntimeError: For a tensor without dimensions, or a ``first_input`` out of range.
    """
    return inputs.new_empty((inputs.shape[0],), dtype=torch.int64)


@torch.library.register_fake("funcsim::shuffled_minhash")
def _shuffled_minhash(
    signatures: Tensor, partners: Tensor, samples_per_input: int = 1, num_hashes: int = 1024, seed: int = 0
) -> Tensor:
    """The sketches of signatures whose inputs have traded places: ``minhash``, but each input is hashed as its partner.

    Partners may be any inputs of a longer run, of which one batch at a time is given. Such sketches merge by the
    elementwise minimum.

    Args:
        signatures: uint8 ``[units, ceil(inputs * samples_per_input / 8)]``, padding bits 0.
        partners: int64 ``[inputs]``, global indices of at least 0, for example of ``shuffle_partners``.
        samples_per_input: Samples that move together, at least 1.
        num_hashes: Slots of a sketch, from 1 to 2**24.
        seed: Any int64.

    Returns:
        int32 ``[units, num_hashes]``; 2**31 - 1 in empty slots.

    Raises:
        RuntimeError: For signatures that don't have as many bits, partners of another dtype or shape, or numbers out of
            range.
    """
    check_one_device("shuffled_minhash", signatures, partners)
    return signatures.new_empty((signatures.shape[0], num_hashes), dtype=torch.int32)


def paired_units(units_a: list[Size], layers_b: int) -> list[Size]:
    """Units of A's layer in every automatic pair; which layers pair depends on data when depths differ."""
    if len(units_a) == layers_b:
        return units_a
    context = torch.library.get_ctx()
    return [context.new_dynamic_size() for _ in range(min(len(units_a), layers_b))]


@torch.library.register_fake("funcsim::compare_layers")
def _compare_layers(
    layers_a: Sequence[Tensor],
    layers_b: Sequence[Tensor],
    shuffled_b: Sequence[Tensor],
    num_samples_a: Sequence[Size],
    num_samples_b: Sequence[Size],
    similarity: str = "jaccard",
    pairs: Sequence[int] = (),
    partners: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, list[Tensor], list[Tensor]]:
    """Pairs, matches and scores layers by their signatures or sketches, with chance levels and standard errors.

    Args:
        layers_a: For each hidden layer of a, in order, its signatures, uint8 ``[units, ceil(samples / 8)]``, of fewer
            than 2**31 samples; or for all
            layers of both networks sketches of one length and seed, int32 ``[units, num_hashes]``.
        layers_b: Those of b, of the same inputs.
        shuffled_b: Those of b with their inputs shuffled, for the chance level; none with ``partners``.
        num_samples_a: Samples of each layer of a, at least 1.
        num_samples_b: Of each layer of b. Only layers with equally many are comparable.
        similarity: "jaccard", or for signatures "phi".
        pairs: Layer of a, layer of b, layer of a, ..., each at most once. Empty pairs them in order where there are
            equally many, and otherwise so that the order is kept and the sum of scores is largest.
        partners: For signatures, instead of ``shuffled_b``: int64 ``[inputs]``, from which input each one comes when
            they are shuffled (``shuffle_partners``). It is done layer by layer, so that the memory is that of one.

    Returns:
        ``pairs``, int64 ``[pairs, 2]``, in a's order; ``scores``, ``chances`` and ``standard_errors``, float64
        ``[pairs]``; ``network``, float64 ``[3]``, the same three of the network. For each pair ``matches``, int64
        ``[units of a]``, with the unit of b or -1, and ``similarities``, float32 ``[units of a]``.

    Raises:
        RuntimeError: For layers of other dtypes or shapes, numbers of samples that don't fit them, sketches of
            different lengths, an unknown similarity, "phi" of sketches, partners that are no indices of inputs or that
            come with ``shuffled_b``, and pairs that don't exist, come twice or have different numbers of samples.
    """
    check_one_device("compare_layers", *layers_a, *layers_b, *shuffled_b, *([] if partners is None else [partners]))
    units_a = [layer.shape[0] for layer in layers_a]
    sizes = [units_a[layer] for layer in sorted(pairs[::2])] if pairs else paired_units(units_a, len(layers_b))
    like = layers_a[0]

    def values(*shape: Size) -> Tensor:
        return like.new_empty(shape, dtype=torch.float64)

    return (
        like.new_empty((len(sizes), 2), dtype=torch.int64),
        values(len(sizes)),
        values(len(sizes)),
        values(len(sizes)),
        values(3),
        [like.new_empty((size,), dtype=torch.int64) for size in sizes],
        [like.new_empty((size,), dtype=torch.float32) for size in sizes],
    )


@torch.library.register_fake("funcsim::layer_scores")
def _layer_scores(
    layers_a: Sequence[Tensor],
    layers_b: Sequence[Tensor],
    num_samples_a: Sequence[Size],
    num_samples_b: Sequence[Size],
    similarity: str = "jaccard",
    partners: Tensor | None = None,
) -> Tensor:
    """Scores each layer of a against each of b.

    Args:
        layers_a: As for ``compare_layers``, and so are the others.
        layers_b: Those of b.
        num_samples_a: Samples of each layer of a; here all layers of both networks must have equally many.
        num_samples_b: Of each layer of b.
        similarity: "jaccard" or "phi".
        partners: As for ``compare_layers``: the scores are those of b with its inputs shuffled.

    Returns:
        float64 ``[layers of a, layers of b]``.

    Raises:
        RuntimeError: As ``compare_layers``.
    """
    check_one_device("layer_scores", *layers_a, *layers_b)
    return layers_a[0].new_empty((len(layers_a), len(layers_b)), dtype=torch.float64)


@torch.library.register_fake("funcsim::synchronize")
def _synchronize(like: Tensor) -> None:
    pass
