"""What the operators look like without data: fake kernels and autograd formulas.

``torch.compile`` and ``torch.export`` trace programs on tensors that have shapes but no values. The functions here
give the shapes of every operator's results, symbolic sizes included.

Their docstrings are the operators', and the reference is made of them. (An operator that has a typed function of its
name in :mod:`funcsim.primitives` is documented there.)
"""

# torch's register_fake has no types.
# mypy: disable-error-code="untyped-decorator"

from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

from ._library import plan_samples

# Sizes are ints, or SymInts while a program is traced; typed Any because the two share no useful static type.
Size = Any


def _check_one_device(op: str, *tensors: Tensor) -> None:
    """Real tensors come here too, when they are mixed with those of the meta device."""
    devices = sorted({str(tensor.device) for tensor in tensors})
    if len(devices) > 1:
        raise RuntimeError(f"{op}: tensors must be on one device, got {' and '.join(devices)}")


def _bytes(num_samples: Size) -> Size:
    return (num_samples + 7) // 8


@torch.library.register_fake("funcsim::activation_signatures")
def _activation_signatures(preactivations: Tensor, margin: float = 0.0) -> Tensor:
    samples, units = preactivations.shape
    return preactivations.new_empty((units, _bytes(samples)), dtype=torch.uint8)


@torch.library.register_fake("funcsim::minhash")
def _minhash(
    signatures: Tensor, num_samples: Size, num_hashes: int = 1024, seed: int = 0, first_sample: Size = 0
) -> Tensor:
    return signatures.new_empty((signatures.shape[0], num_hashes), dtype=torch.int32)


@torch.library.register_fake("funcsim::jaccard")
def _jaccard(signatures_a: Tensor, signatures_b: Tensor) -> Tensor:
    _check_one_device("jaccard", signatures_a, signatures_b)
    return signatures_a.new_empty((signatures_a.shape[0], signatures_b.shape[0]), dtype=torch.float32)


@torch.library.register_fake("funcsim::minhash_jaccard")
def _minhash_jaccard(sketches_a: Tensor, sketches_b: Tensor) -> Tensor:
    _check_one_device("minhash_jaccard", sketches_a, sketches_b)
    return sketches_a.new_empty((sketches_a.shape[0], sketches_b.shape[0]), dtype=torch.float32)


@torch.library.register_fake("funcsim::linear_sum_assignment")
def _linear_sum_assignment(cost: Tensor, maximize: bool = False) -> tuple[Tensor, Tensor]:
    pairs = torch.sym_min(cost.shape[0], cost.shape[1])
    return cost.new_empty((pairs,), dtype=torch.int64), cost.new_empty((pairs,), dtype=torch.int64)


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
        seed: Any int64.
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
        seed: Any int64.
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
    _check_one_device("shuffled_minhash", signatures, partners)
    return signatures.new_empty((signatures.shape[0], num_hashes), dtype=torch.int32)


@torch.library.register_fake("funcsim::canonicalize")
def _canonicalize(architecture: str, parameters: Sequence[Tensor]) -> list[Tensor]:
    """The parameters of the network that computes the same function with hidden units scaled to norm 1.

    Each hidden unit's incoming weights are divided by their L2 norm and its outgoing weights multiplied by it wherever
    the layers in between allow it; a BatchNorm directly after an affine layer is folded into it (docs/mathematics.md).
    What can't be told from parameters alone is said at :func:`funcsim.canonicalize`.

    Args:
        architecture: A description (docs/architecture.md), with a hidden layer.
        parameters: Its tensors, all float32, float64, float16 or bfloat16. float16 and bfloat16 are computed in
            float32.

    Returns:
        Tensors of the shapes and dtype of ``parameters``.

    Raises:
        RuntimeError: For a text that can't be read (says where), parameters that don't fit it, networks without a
            hidden layer, weights that aren't finite, canonical ones beyond the dtype's range, and where a unit loses
            its identity on the way to the next affine layer. Also on backward.
    """
    _check_one_device("canonicalize", *parameters)
    return [parameter.new_empty(parameter.shape) for parameter in parameters]


def _plan(architecture: str, inputs: Tensor, positions: int) -> list[tuple[int, int]]:
    return plan_samples(architecture, [int(size) for size in inputs.shape[1:]], positions)


@torch.library.register_fake("funcsim::network_signatures")
def _network_signatures(
    architecture: str,
    parameters: Sequence[Tensor],
    inputs: Tensor,
    margin: float = 0.0,
    positions: int = 16,
    seed: int = 0,
    first_input: Size = 0,
) -> list[Tensor]:
    """Runs a network in eval mode and packs when its hidden units fire.

    Args:
        architecture: A description (docs/architecture.md), with a hidden layer.
        parameters: Its tensors, all of one floating dtype.
        inputs: ``[inputs, features...]``, at least one, of the parameters' dtype; float16, bfloat16 and float32, all
            computed in float32, go together.
        margin: A unit fires where its canonical pre-activation is above this; finite, at least 0.
        positions: Samples an input of a layer whose units have a grid of positions: 0 for all, -1 for one that says
            whether the unit fires anywhere, or from 1 to 2**24 points.
        seed: Of these points: any int64.
        first_input: Global index of the first input, at least 0, on which points depend.

    Returns:
        For each hidden layer uint8 ``[units, ceil(inputs * samples / 8)]``, as ``activation_signatures`` packs them.

    Raises:
        RuntimeError: As ``canonicalize`` for the network; for inputs that don't fit it, NaN on the way to a hidden
            layer (says where), numbers out of range, and, in programs without this package, under autocast.
    """
    _check_one_device("network_signatures", *parameters, inputs)
    return [
        inputs.new_empty((units, _bytes(inputs.shape[0] * samples_per_input)), dtype=torch.uint8)
        for units, samples_per_input in _plan(architecture, inputs, positions)
    ]


@torch.library.register_fake("funcsim::network_sketches")
def _network_sketches(
    architecture: str,
    parameters: Sequence[Tensor],
    inputs: Tensor,
    margin: float = 0.0,
    positions: int = 16,
    seed: int = 0,
    num_hashes: int = 1024,
    first_input: Size = 0,
) -> list[Tensor]:
    """Runs a network in eval mode and sketches when its hidden units fire, in memory that doesn't grow with the inputs.

    Args:
        architecture: As for ``network_signatures``, and so are the next five.
        parameters: Its tensors.
        inputs: ``[inputs, features...]``.
        margin: Above which a unit fires.
        positions: Samples an input.
        seed: Of points and sketches.
        num_hashes: Slots of a sketch, from 1 to 2**24.
        first_input: Global index of the first input, at least 0. With it sketches of batches merge by the elementwise
            minimum into the sketch of all inputs.

    Returns:
        For each hidden layer int32 ``[units, num_hashes]``; 2**31 - 1 in empty slots.

    Raises:
        RuntimeError: As ``network_signatures``.
    """
    _check_one_device("network_sketches", *parameters, inputs)
    return [
        inputs.new_empty((units, num_hashes), dtype=torch.int32) for units, _ in _plan(architecture, inputs, positions)
    ]


def _paired_units(units_a: list[Size], layers_b: int) -> list[Size]:
    """Units of A's layer in every automatic pair; which layers pair depends on data when depths differ."""
    if len(units_a) == layers_b:
        return units_a
    context = torch.library.get_ctx()
    return [context.new_dynamic_size() for _ in range(min(len(units_a), layers_b))]


@torch.library.register_fake("funcsim::compare")
def _compare(
    architecture_a: str,
    parameters_a: Sequence[Tensor],
    architecture_b: str,
    parameters_b: Sequence[Tensor],
    inputs: Tensor,
    method: str = "auto",
    num_hashes: int = 1024,
    seed: int = 0,
    margin: float = 0.0,
    positions: int = 16,
) -> tuple[Tensor, Tensor, list[Tensor], list[Tensor]]:
    """Compares two networks as functions. :func:`funcsim.compare` gives chance levels and standard errors as well.

    Args:
        architecture_a: A description (docs/architecture.md), with a hidden layer.
        parameters_a: Its tensors, all of one floating dtype.
        architecture_b: The other network's.
        parameters_b: Its tensors.
        inputs: ``[inputs, features...]``, at least one, of the parameters' dtype; float16, bfloat16 and float32, all
            computed in float32, go together.
        method: "exact", "minhash", or "auto": exact while the largest layer has at most ``32 * num_hashes`` samples.
        num_hashes: Slots of a sketch, from 1 to 2**24.
        seed: Of sketches and points: any int64.
        margin: A unit fires where its canonical pre-activation is above this; finite, at least 0.
        positions: Samples an input of a layer whose units have a grid of positions: 0 for all, -1 for one that says
            whether the unit fires anywhere, or from 1 to 2**24 points.

    Returns:
        ``score``, float64 scalar, from 0 to 1. ``layer_scores``, float64 ``[pairs]``, of the pairs of layers in a's
        order. For each pair ``matches``, int64 ``[units of a]``: the unit of b that is each unit's counterpart, or -1;
        and ``similarities``, float32 ``[units of a]``, 0 where there is none.

    Raises:
        RuntimeError: As ``network_signatures``, naming the network; for an unknown method; and for layers with
            different numbers of samples an input. Also on backward.
    """
    _check_one_device("compare", *parameters_a, *parameters_b, inputs)
    plan_a = _plan(architecture_a, inputs, positions)
    plan_b = _plan(architecture_b, inputs, positions)
    sizes = _paired_units([units for units, _ in plan_a], len(plan_b))
    return (
        inputs.new_empty((), dtype=torch.float64),
        inputs.new_empty((len(sizes),), dtype=torch.float64),
        [inputs.new_empty((size,), dtype=torch.int64) for size in sizes],
        [inputs.new_empty((size,), dtype=torch.float32) for size in sizes],
    )


@torch.library.register_fake("funcsim::compare_layers")
def _compare_layers(
    layers_a: Sequence[Tensor],
    layers_b: Sequence[Tensor],
    shuffled_b: Sequence[Tensor],
    num_samples_a: Sequence[Size],
    num_samples_b: Sequence[Size],
    similarity: str = "jaccard",
    pairs: Sequence[int] = (),
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, list[Tensor], list[Tensor]]:
    """Pairs, matches and scores layers by their signatures or sketches, with chance levels and standard errors.

    Args:
        layers_a: For each hidden layer of a, in order, its signatures, uint8 ``[units, ceil(samples / 8)]``; or for all
            layers of both networks sketches of one length and seed, int32 ``[units, num_hashes]``.
        layers_b: Those of b, of the same inputs.
        shuffled_b: Those of b with their inputs shuffled, for the chance level.
        num_samples_a: Samples of each layer of a, at least 1.
        num_samples_b: Of each layer of b. Only layers with equally many are comparable.
        similarity: "jaccard", or for signatures of at most 2**31 samples "phi".
        pairs: Layer of a, layer of b, layer of a, ..., each at most once. Empty pairs them in order where there are
            equally many, and otherwise so that the order is kept and the sum of scores is largest.

    Returns:
        ``pairs``, int64 ``[pairs, 2]``, in a's order; ``scores``, ``chances`` and ``standard_errors``, float64
        ``[pairs]``; ``network``, float64 ``[3]``, the same three of the network. For each pair ``matches``, int64
        ``[units of a]``, with the unit of b or -1, and ``similarities``, float32 ``[units of a]``.

    Raises:
        RuntimeError: For layers of other dtypes or shapes, numbers of samples that don't fit them, sketches of
            different lengths, an unknown similarity, "phi" of sketches, and pairs that don't exist, come twice or have
            different numbers of samples.
    """
    _check_one_device("compare_layers", *layers_a, *layers_b, *shuffled_b)
    units_a = [layer.shape[0] for layer in layers_a]
    sizes = [units_a[layer] for layer in sorted(pairs[::2])] if pairs else _paired_units(units_a, len(layers_b))
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
) -> Tensor:
    """Scores each layer of a against each of b.

    Args:
        layers_a: As for ``compare_layers``, and so are the others.
        layers_b: Those of b.
        num_samples_a: Samples of each layer of a; here all layers of both networks must have equally many.
        num_samples_b: Of each layer of b.
        similarity: "jaccard" or "phi".

    Returns:
        float64 ``[layers of a, layers of b]``.

    Raises:
        RuntimeError: As ``compare_layers``.
    """
    _check_one_device("layer_scores", *layers_a, *layers_b)
    return layers_a[0].new_empty((len(layers_a), len(layers_b)), dtype=torch.float64)


def _register_no_gradient(name: str) -> None:
    def backward(ctx: Any, *gradients: Any) -> NoReturn:
        raise RuntimeError(
            f"funcsim::{name} has no gradient: whether a unit fires is a step function of weights and inputs. "
            f"Call it on detached tensors or under torch.no_grad()."
        )

    torch.library.register_autograd(f"funcsim::{name}", backward)


# The operators that take floating tensors and return some: integer results never ask for a gradient.
for _name in ("canonicalize", "compare"):
    _register_no_gradient(_name)


# Under autocast PyTorch computes some layers in a narrower type. Which unit fires is then another question, and the
# operators refuse: here they run with autocast off, and what it would narrow is widened.
for _name in ("network_signatures", "network_sketches", "compare"):
    for _device in ("cpu", "cuda"):
        torch.library.register_autocast(f"funcsim::{_name}", _device, torch.float32)
