"""What the operators look like without data: fake kernels and autograd formulas.

``torch.compile`` and ``torch.export`` trace programs on tensors that have shapes but no values. The functions here
give the shapes of every operator's results, symbolic sizes included.
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
    units = signatures.shape[0]
    return signatures.new_empty((units,), dtype=torch.int64), signatures.new_empty((units,), dtype=torch.int64)


@torch.library.register_fake("funcsim::shuffle_samples")
def _shuffle_samples(
    signatures: Tensor, num_inputs: Size, samples_per_input: int = 1, seed: int = 0, first_input: Size = 0
) -> Tensor:
    return signatures.new_empty(signatures.shape, dtype=torch.uint8)


@torch.library.register_fake("funcsim::shuffle_partners")
def _shuffle_partners(inputs: Tensor, seed: int = 0, first_input: Size = 0) -> Tensor:
    return inputs.new_empty((inputs.shape[0],), dtype=torch.int64)


@torch.library.register_fake("funcsim::shuffled_minhash")
def _shuffled_minhash(
    signatures: Tensor, partners: Tensor, samples_per_input: int = 1, num_hashes: int = 1024, seed: int = 0
) -> Tensor:
    _check_one_device("shuffled_minhash", signatures, partners)
    return signatures.new_empty((signatures.shape[0], num_hashes), dtype=torch.int32)


@torch.library.register_fake("funcsim::canonicalize")
def _canonicalize(architecture: str, parameters: Sequence[Tensor]) -> list[Tensor]:
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
