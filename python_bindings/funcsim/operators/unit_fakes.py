"""What the operators that match and move units look like without data: fakes, as in :mod:`.fakes`."""

# torch's register_fake has no types.
# mypy: disable-error-code="untyped-decorator"

from collections.abc import Sequence

import torch
from torch import Tensor

from .._library import hidden_units
from .fakes import Size, check_one_device


@torch.library.register_fake("funcsim::activation_correlations")
def _activation_correlations(
    architecture_a: str,
    parameters_a: Sequence[Tensor],
    architecture_b: str,
    parameters_b: Sequence[Tensor],
    inputs: Tensor,
    before: Sequence[Tensor],
    positions: int = 16,
    seed: int = 0,
    first_input: Size = 0,
) -> list[Tensor]:
    """Pearson correlations of the activations of two networks' hidden units, for ``match_units``.

    Both networks run in eval mode; activations are what ``network_activations`` gives, and are never held for all
    inputs. Inputs that come in batches are correlated by handing on what was returned for those before (the
    correlations of batches are merged, as Chan, Golub and LeVeque merge variances). Activations are standardised before
    they are multiplied, so that inputs of any scale give the same.

    Args:
        architecture_a: A description (docs/architecture.md) of the reference.
        parameters_a: Its tensors.
        architecture_b: Of the model, with as many hidden layers.
        parameters_b: Its tensors, on the same device.
        inputs: ``[inputs, features...]``, at least one, that fit both networks, as for ``network_signatures``.
        before: What was returned for the inputs before these; an empty list where there were none.
        positions: Samples an input; not -1 (any): a maximum over positions is no activation.
        seed: Of points.
        first_input: Global index of the first input.

    Returns:
        For each hidden layer three tensors, float64. The first: ``[units of a, units of b]``, correlations from -1 to
        1; a unit that doesn't vary has 1 with one that doesn't vary either and has the same value, and 0 with all
        others. The second: ``[3, units of a]``, of each unit the number of samples, their mean and their standard
        deviation. The third: the same of b.

    Raises:
        RuntimeError: As ``network_activations`` for both networks; for networks with different numbers of hidden
            layers, layers with different numbers of samples, activations that are not finite (names the layer and the
            unit), and tensors in ``before`` that weren't returned for these networks. Also in a CUDA graph, and on
            backward.
    """
    check_one_device("activation_correlations", *parameters_a, *parameters_b, inputs, *before)
    result = []
    for a, b in zip(hidden_units(architecture_a), hidden_units(architecture_b), strict=True):
        result += [inputs.new_empty(shape, dtype=torch.float64) for shape in ((a, b), (3, a), (3, b))]
    return result


@torch.library.register_fake("funcsim::match_units")
def _match_units(
    architecture_a: str,
    parameters_a: Sequence[Tensor],
    architecture_b: str,
    parameters_b: Sequence[Tensor],
    similarities: Sequence[Tensor],
    coordinate_descent: bool = False,
    input_dimensions: int = 0,
) -> list[Tensor]:
    """Which unit of one network is which unit of another, in a way that the other network's units can move.

    For each hidden layer the one-to-one matching with the largest sum of similarities, exactly optimal, of those that
    grouped convolutions and GroupNorms allow (docs/alignment.md). Where units have equal similarities to all others,
    the distance of their canonical incoming weights decides, bias included.

    Args:
        architecture_a: A description (docs/architecture.md) of the reference, with as many hidden layers as the other.
        parameters_a: Its tensors, all of one floating dtype.
        architecture_b: Of the model, whose units get other places.
        parameters_b: Its tensors, on the same device.
        similarities: For each hidden layer float32 ``[units of a, units of b]``, finite: for example of ``jaccard``, or
            of ``activation_correlations`` in float32. An empty list: layer after layer, the smallest squared distances
            of canonical incoming weights and bias, with inputs in the order that was found for the layer before.
        coordinate_descent: Whether to go on from there: layers are matched again by the squared distances of incoming
            and outgoing canonical weights, given the layers around, as long as the distance of all weights shrinks, at
            most 100 times (Ainsworth, Hayase, Srinivasa, "Git Re-Basin", arXiv:2209.04836).
        input_dimensions: Of the networks' inputs, the batch included, which tells rows from tokens; 0 where they aren't
            known, and then what :func:`funcsim.canonicalize` says holds.

    Returns:
        ``matches``: for each hidden layer int64 ``[units of a]``, the unit of b, or -1.

    Raises:
        RuntimeError: As ``canonicalize`` for both networks; for networks with different numbers of hidden layers or
            with groups that don't correspond; similarities of other shapes or dtypes, or that aren't finite; and where
            weights are asked for and can't be compared. The message names the layer. Also on backward.
    """
    check_one_device("match_units", *parameters_a, *parameters_b)
    like = parameters_a[0]
    return [like.new_empty((units,), dtype=torch.int64) for units in hidden_units(architecture_a)]


@torch.library.register_fake("funcsim::align_parameters")
def _align_parameters(
    architecture_a: str,
    parameters_a: Sequence[Tensor],
    architecture_b: str,
    parameters_b: Sequence[Tensor],
    matches: Sequence[Tensor],
    inputs: Tensor,
    rescale: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    """The parameters of network b with its hidden units where their counterparts are in network a.

    The function stays the same, which is checked before it returns: both versions are run in float64 on the first 256
    of the inputs, or fewer where activations are large. They may differ by what rounding does to this network's outputs
    (docs/mathematics.md, section 13): that of float64, and with ``rescale``, whose results are rounded to the
    parameters' dtype, that of one rounding of each parameter.

    Where b has at least as many units in a layer as a, a's places come first, those without a counterpart taken by
    units of b without one, and what is left of these follows; otherwise b's matched units come first, in a's order, and
    then the others. Unmatched units of b stay in their own order.

    Args:
        architecture_a: A description (docs/architecture.md) of the reference, with as many hidden layers as the other.
        parameters_a: Its tensors, all of one floating dtype.
        architecture_b: Of the model, whose units get other places.
        parameters_b: Its tensors, on the same device.
        matches: For each hidden layer int64 ``[units of a]``, the unit of b that is its counterpart, each at most once,
            or -1: as ``match_units`` gives them. Those of ``compare`` know nothing of groups.
        inputs: ``[inputs, features...]``, at least one, that fit both networks, as for ``network_signatures``.
        rescale: Whether to give units the norms of their counterparts as well, where the canonical form can scale them
            (docs/alignment.md). b then equals a if it was a with units permuted and rescaled, to rounding.

    Returns:
        ``parameters``, of the shapes and dtype of ``parameters_b``; and ``orders``, for each hidden layer int64
        ``[units of b]``: new unit j is old unit ``orders[l][j]``.

    Raises:
        RuntimeError: As ``canonicalize`` and ``network_signatures`` for networks and inputs; for matches of other
            shapes, dtypes or units, or that grouped convolutions and GroupNorms don't allow; for outputs that aren't
            finite; and if the function changed by more than that. The message names the layer. Also on
            backward.
    """
    check_one_device("align_parameters", *parameters_a, *parameters_b, *matches, inputs)
    orders = [inputs.new_empty((units,), dtype=torch.int64) for units in hidden_units(architecture_b)]
    return [parameter.new_empty(parameter.shape) for parameter in parameters_b], orders


@torch.library.register_fake("funcsim::merge_parameters")
def _merge_parameters(
    architecture: str,
    parameters: Sequence[Tensor],
    weights: Sequence[float],
    moments: Sequence[Tensor],
    inputs: Tensor,
    repair: bool = True,
) -> list[Tensor]:
    """The parameters of a network between others whose units are in one order, as ``align_parameters`` puts them.

    Every tensor is the weighted mean of theirs. Repair then sets, layer after layer, means and standard deviations on
    the inputs to the weighted means of theirs (REPAIR, Jordan et al., arXiv:2211.08403; docs/mathematics.md, section
    14):

    - the pre-activations of a hidden layer without normalisation, by its weight and bias; without bias the standard
      deviation only;
    - those that come from a LayerNorm or GroupNorm with weight and bias of units, by these;
    - what a BatchNorm gives before its weight and bias, by its running statistics.

    All else stays as it is. So does the standard deviation of a unit that doesn't vary on the inputs.

    Activations of all inputs are kept where those of a layer take at most 1 GiB; otherwise they are computed anew for
    each layer.

    Args:
        architecture: A description (docs/architecture.md), with a hidden layer.
        parameters: The tensors of all networks, one network after the other, of one floating dtype. float16 and
            bfloat16 are computed in float32.
        weights: One for each network, at least 2: at least 0, of sum 1.
        moments: For each network those of its hidden layers that ``network_signatures_with_moments`` gives on the
            inputs, float64 ``[2, units]``, one network after the other; or none, and repair takes them itself.
        inputs: ``[inputs, features...]``, at least one, of the parameters' dtype; float16, bfloat16 and float32 go
            together.
        repair: Whether to correct statistics.

    Returns:
        Tensors of the shapes and dtype of one network's.

    Raises:
        RuntimeError: As ``network_signatures_with_moments`` for the networks and inputs; for weights and moments that
            don't fit (says what came); where a statistic or a repaired parameter is not finite (names the item); in a
            CUDA graph. Also on backward.
    """
    check_one_device("merge_parameters", *parameters, *moments, inputs)
    return [tensor.new_empty(tensor.shape) for tensor in parameters[: len(parameters) // len(weights)]]
