"""The operators that need no network, typed.

They are checked in the operators themselves, which raise RuntimeError for tensors whose shape, dtype or device doesn't
fit: the message says what was expected and what came. None of them has a gradient, and none changes its arguments.

Results are on the device of the arguments, which must be on one. On CUDA operators don't wait for the device; what they
find wrong with values (a NaN, bits in the padding) is raised by the next operator that runs there, or by
:func:`synchronize`.
"""

import torch
from torch import Tensor


def activation_signatures(preactivations: Tensor, margin: float = 0.0) -> Tensor:
    """Packs when units fire: bit s of unit u is ``preactivations[s, u] > margin``.

    Args:
        preactivations: float32, float64, float16 or bfloat16 ``[samples, units]``, without NaN. Infinities count by
            their sign.
        margin: Finite, at least 0.

    Returns:
        uint8 ``[units, ceil(samples / 8)]``: sample s in byte ``s // 8`` at bit ``s % 8`` (numpy's
        ``bitorder="little"``), padding bits 0.

    Raises:
        RuntimeError: For a NaN (says where), another dtype or number of dimensions, or a margin out of range.
    """
    signatures: Tensor = torch.ops.funcsim.activation_signatures(preactivations, margin)
    return signatures


def minhash(
    signatures: Tensor, num_samples: int, num_hashes: int = 1024, seed: int = 0, first_sample: int = 0
) -> Tensor:
    """MinHash sketches of signatures, by one-permutation hashing (Li, Owen, Zhang, NIPS 2012).

    They depend on the seed and the global index of each sample only. So the sketch of a long run of samples is the
    elementwise ``torch.minimum`` of the sketches of its parts, in any order.

    Args:
        signatures: uint8 ``[units, ceil(num_samples / 8)]``, padding bits 0.
        num_samples: Samples of a signature, at least 0.
        num_hashes: Slots of a sketch, from 1 to 2**24.
        seed: Any int64. Sketches with different seeds can't be compared.
        first_sample: Global index of the signatures' first sample, at least 0.

    Returns:
        int32 ``[units, num_hashes]``; 2**31 - 1 in empty slots.

    Raises:
        RuntimeError: For signatures that don't have ``num_samples`` bits, or numbers out of range.
    """
    sketches: Tensor = torch.ops.funcsim.minhash(signatures, num_samples, num_hashes, seed, first_sample)
    return sketches


def jaccard(signatures_a: Tensor, signatures_b: Tensor) -> Tensor:
    """Jaccard index ``|A and B| / |A or B|`` of all pairs of units (Jaccard 1901).

    Args:
        signatures_a: uint8 ``[a, bytes]``.
        signatures_b: uint8 ``[b, bytes]``, of the same samples.

    Returns:
        float32 ``[a, b]``: counted exactly and rounded once; 1 for two units that never fire.

    Raises:
        RuntimeError: For other dtypes, or different numbers of bytes a unit.
    """
    similarity: Tensor = torch.ops.funcsim.jaccard(signatures_a, signatures_b)
    return similarity


def signature_cka(signatures_a: Tensor, signatures_b: Tensor, num_samples: int, *, debiased: bool = False) -> Tensor:
    """Linear CKA of the bits of two layers: how alike they are as a whole, without saying which unit is which.

    Centred kernel alignment (Kornblith, Norouzi, Lee, Hinton, ICML 2019) of the signatures as vectors of 0 and 1, from
    the numbers of samples on which units fire together, in exact integers; nothing of samples x samples is needed.

    Args:
        signatures_a: uint8 ``[a, ceil(num_samples / 8)]``, at least one unit, padding bits 0.
        signatures_b: uint8 ``[b, ceil(num_samples / 8)]``, of the same samples.
        num_samples: Samples of a signature, at least 1; at least 4 for the debiased estimate.
        debiased: Take the unbiased estimate of HSIC (Song et al., JMLR 2012), as Nguyen, Raghu and Kornblith (ICLR
            2021) do: it has no chance level above 0, while the biased one grows where units aren't few against samples.

    Returns:
        float64 ``[]``: from 0 to 1, debiased from -1 to 1; exactly 1 for layers with equal units in any order. Where a
        layer has no HSIC with itself (all units constant; debiased, also where all samples are related alike), it is 0,
        or 1 if neither has. Computed on the host, for tensors of a device too, which is waited for.

    Raises:
        RuntimeError: For other dtypes, signatures that don't have ``num_samples`` bits, no units, or too few samples.
    """
    cka: Tensor = torch.ops.funcsim.signature_cka(signatures_a, signatures_b, num_samples, debiased)
    return cka


def minhash_jaccard(sketches_a: Tensor, sketches_b: Tensor) -> Tensor:
    """Jaccard index of all pairs of units, estimated from sketches of the same samples, seed and length.

    The estimate is the number of equal slots over the number of slots that aren't empty in both. It is unbiased, and
    its variance is at most J (1 - J) / num_hashes (docs/mathematics.md).

    Args:
        sketches_a: int32 ``[a, num_hashes]``.
        sketches_b: int32 ``[b, num_hashes]``.

    Returns:
        float32 ``[a, b]``; 1 for two units whose slots are all empty.

    Raises:
        RuntimeError: For other dtypes, or different numbers of hashes.
    """
    similarity: Tensor = torch.ops.funcsim.minhash_jaccard(sketches_a, sketches_b)
    return similarity


def linear_sum_assignment(cost: Tensor, maximize: bool = False) -> tuple[Tensor, Tensor]:
    """The assignment of rows to columns with the least sum of costs: ``scipy.optimize.linear_sum_assignment``.

    Exactly optimal for the matrix it is given, square or rectangular, by shortest augmenting paths (Jonker and
    Volgenant 1987; Crouse 2016). Among assignments with equal sums the lexicographically first is returned.

    Args:
        cost: Floating, bool, uint8 or signed integer ``[rows, columns]``, without NaN. ``inf`` forbids a pair (``-inf``
            when maximizing).
        maximize: Find the largest sum instead.

    Returns:
        Row indices, ascending, and the column of each: int64 ``[min(rows, columns)]`` both.

    Raises:
        RuntimeError: For a NaN or an infinity of the wrong sign (says where), and where infinite costs leave no
            complete assignment.
    """
    rows: Tensor
    columns: Tensor
    rows, columns = torch.ops.funcsim.linear_sum_assignment(cost, maximize)
    return rows, columns


def linear_sum_assignment_with_duals(cost: Tensor, maximize: bool = False) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`funcsim.linear_sum_assignment`, and the proof that there is no better one: an optimum of the dual problem.

    When minimizing, ``row_duals[i] + column_duals[j] <= cost[i, j]`` for all pairs, with equality for assigned ones.
    Rows or columns left over have dual 0; where rows are left over, no row's dual is positive, and where columns are,
    no column's. So no assignment costs less than the sum of all duals, which is what this one costs. When maximizing,
    with ``>=`` and no negative duals in the same places.

    The duals are computed exactly and rounded once to float64, so each of these holds up to that rounding: a few units
    in the last place of the largest cost or, with forbidden pairs, of the largest dual, which may be larger.

    Args:
        cost: As in :func:`funcsim.linear_sum_assignment`.
        maximize: Find the largest sum instead.

    Returns:
        ``rows``, ``columns``: as in :func:`funcsim.linear_sum_assignment`. ``row_duals``: float64 ``[rows]``.
        ``column_duals``: float64 ``[columns]``.

    Raises:
        RuntimeError: As in :func:`funcsim.linear_sum_assignment`.
    """
    rows: Tensor
    columns: Tensor
    row_duals: Tensor
    column_duals: Tensor
    rows, columns, row_duals, column_duals = torch.ops.funcsim.linear_sum_assignment_with_duals(cost, maximize)
    return rows, columns, row_duals, column_duals


def synchronize(like: Tensor) -> None:
    """Waits for the work on a CUDA device and raises what operators have found wrong there since.

    On CUDA operators return before their work is done. A NaN among pre-activations, or bits in the padding of
    signatures, is found later, and raised by the next operator on that device or here: call this before you rely on
    results of which no other operator took notice, after replaying a CUDA graph for example. Nothing to do on the CPU.

    Args:
        like: Any tensor of the device. Work on its current stream is waited for.

    Raises:
        RuntimeError: As the operators that found it would on the CPU.
    """
    torch.ops.funcsim.synchronize(like)
