"""What the operators on networks look like without data: fake kernels, as in :mod:`.fakes`."""

# torch's register_fake has no types.
# mypy: disable-error-code="untyped-decorator"

from collections.abc import Sequence

import torch
from torch import Tensor

from .._library import plan_samples
from .fakes import Size, check_one_device, paired_units, signature_bytes


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
    check_one_device("canonicalize", *parameters)
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
    check_one_device("network_signatures", *parameters, inputs)
    return [
        inputs.new_empty((units, signature_bytes(inputs.shape[0] * samples_per_input)), dtype=torch.uint8)
        for units, samples_per_input in _plan(architecture, inputs, positions)
    ]


@torch.library.register_fake("funcsim::network_signatures_with_moments")
def _network_signatures_with_moments(
    architecture: str,
    parameters: Sequence[Tensor],
    inputs: Tensor,
    margin: float = 0.0,
    positions: int = 16,
    seed: int = 0,
    first_input: Size = 0,
) -> tuple[list[Tensor], list[Tensor]]:
    """What ``network_signatures`` gives, and the mean and variance of every hidden unit from the same pass.

    Moments are those of canonical pre-activations, z / s_i (docs/mathematics.md, section 2): units that do the same in
    networks of other scales have equal ones. Those of several batches merge after Chan, Golub and LeVeque ("Algorithms
    for computing the sample variance", 1983).

    Args:
        architecture: As for ``network_signatures``, and so are all others.
        parameters: Its tensors.
        inputs: ``[inputs, features...]``.
        margin: Above which a unit fires.
        positions: Samples an input. Moments are of all positions, whatever this is.
        seed: Of points.
        first_input: Global index of the first input.

    Returns:
        ``signatures``, as ``network_signatures``; and ``moments``, for each hidden layer float64 ``[2, units]``: means,
        then variances (over the number of values, not over one less), taken in float64.

    Raises:
        RuntimeError: As ``network_signatures``; where a mean or a variance is not finite (names the layer and the
            unit); where a unit loses its identity on the way to the next affine layer; in a CUDA graph. Also on
            backward.
    """
    check_one_device("network_signatures_with_moments", *parameters, inputs)
    plan = _plan(architecture, inputs, positions)
    return (
        [
            inputs.new_empty((units, signature_bytes(inputs.shape[0] * samples_per_input)), dtype=torch.uint8)
            for units, samples_per_input in plan
        ],
        [inputs.new_empty((2, units), dtype=torch.float64) for units, _ in plan],
    )


@torch.library.register_fake("funcsim::network_activations")
def _network_activations(
    architecture: str,
    parameters: Sequence[Tensor],
    inputs: Tensor,
    positions: int = 16,
    seed: int = 0,
    first_input: Size = 0,
) -> list[Tensor]:
    """Runs a network in eval mode and returns what its hidden units give on, at the samples of ``network_signatures``.

    That is what the activation function behind a hidden layer gives: the first elementwise module directly behind the
    pre-activation (ReLU, GELU and so on; Identity and Dropout don't count). Where there is none, it is the
    pre-activation itself.

    Args:
        architecture: As for ``network_signatures``, and so are the next five.
        parameters: Its tensors.
        inputs: ``[inputs, features...]``.
        positions: Samples an input; not -1 (any): a maximum over positions is no activation.
        seed: Of points.
        first_input: Global index of the first input.

    Returns:
        For each hidden layer ``[samples, units]``, float64 for float64 and otherwise float32.

    Raises:
        RuntimeError: As ``network_signatures``, and in a CUDA graph. Also on backward.
    """
    check_one_device("network_activations", *parameters, inputs)
    dtype = torch.float64 if inputs.dtype == torch.float64 else torch.float32
    return [
        inputs.new_empty((inputs.shape[0] * samples_per_input, units), dtype=dtype)
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
    check_one_device("network_sketches", *parameters, inputs)
    return [
        inputs.new_empty((units, num_hashes), dtype=torch.int32) for units, _ in _plan(architecture, inputs, positions)
    ]


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
    check_one_device("compare", *parameters_a, *parameters_b, inputs)
    plan_a = _plan(architecture_a, inputs, positions)
    plan_b = _plan(architecture_b, inputs, positions)
    sizes = paired_units([units for units, _ in plan_a], len(plan_b))
    return (
        inputs.new_empty((), dtype=torch.float64),
        inputs.new_empty((len(sizes),), dtype=torch.float64),
        [inputs.new_empty((size,), dtype=torch.int64) for size in sizes],
        [inputs.new_empty((size,), dtype=torch.float32) for size in sizes],
    )


@torch.library.register_fake("funcsim::compare_with_chance")
def _compare_with_chance(
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
) -> tuple[Tensor, Tensor, Tensor]:
    """Scores two networks as ``compare`` does, and says what the score is worth.

    The inputs of the call are shuffled as a whole for the chance level, as :func:`funcsim.compare` shuffles a tensor.

    Args:
        architecture_a: As all others, of ``compare``.
        parameters_a: Its tensors.
        architecture_b: The other network's.
        parameters_b: Its tensors.
        inputs: ``[inputs, features...]``.
        method: "exact", "minhash" or "auto".
        num_hashes: Slots of a sketch.
        seed: Of sketches, points and the shuffle.
        margin: A unit fires where its canonical pre-activation is above this.
        positions: Samples an input.

    Returns:
        ``score``, ``chance`` and ``adjusted``, float64 scalars. adjusted is (score - chance) / (1 - chance), and where
        chance is 1, 1 for a score of 1 and else 0.

    Raises:
        RuntimeError: As ``compare``.
    """
    check_one_device("compare_with_chance", *parameters_a, *parameters_b, inputs)
    for architecture in (architecture_a, architecture_b):
        _plan(architecture, inputs, positions)
    score, chance, adjusted = (inputs.new_empty((), dtype=torch.float64) for _ in range(3))
    return score, chance, adjusted
