"""The operator align_parameters: where units go, and what it refuses."""

import funcsim
import numpy as np
import pytest
import torch
from operator_calls import IMAGES, ROWS, cnn, described, mlp
from oracle import networks, transform
from oracle.grouped_networks import GROUPED_NETWORKS
from refusals import assert_says
from torch import Tensor, nn

ops = torch.ops.funcsim
A, B = described(mlp(1)), described(mlp(2))
MATCHES = [torch.tensor([3, 4, 5, 6, 0, 1, 2]), torch.tensor([4, 3, 2, 1, 0])]


def test_orders_say_where_units_came_from() -> None:
    model = mlp(2)
    tensors, orders = ops.align_parameters(*A, *B, MATCHES, ROWS)
    assert all(torch.equal(order, match) for order, match in zip(orders, MATCHES, strict=True))
    first, second = orders
    assert torch.equal(tensors[0], model[0].weight[first])
    assert torch.equal(tensors[1], model[0].bias[first])
    assert torch.equal(tensors[2], model[2].weight[second][:, first])
    assert torch.equal(tensors[3], model[2].bias[second])
    assert torch.equal(tensors[4], model[4].weight[:, second])
    assert torch.equal(tensors[5], model[4].bias)


@pytest.mark.parametrize(
    ("match", "units_b", "order"),
    [
        ([2, -1, 0], 5, [2, 1, 0, 3, 4]),  # the hole is filled, then the others
        ([-1, -1, -1], 4, [0, 1, 2, 3]),
        ([-1, 2, -1], 3, [0, 2, 1]),
        ([4, -1, 0, -1, 1], 5, [4, 2, 0, 3, 1]),
        ([-1, 1, -1, 0], 3, [1, 0, 2]),  # narrower: those that are matched, in order
        ([-1, -1, -1, 2], 2, None),
        ([-1, -1, -1, 1], 2, [1, 0]),
    ],
)
def test_unequal_widths(match: list[int], units_b: int, order: list[int] | None) -> None:
    a, b = (described(mlp(seed, (units,))) for seed, units in ((1, len(match)), (2, units_b)))
    if order is None:
        assert_says(
            lambda: ops.align_parameters(*a, *b, [torch.tensor(match)], ROWS), "matches[0]", "from 0 to 1", "got 2 at 3"
        )
        return
    assert ops.align_parameters(*a, *b, [torch.tensor(match)], ROWS)[1][0].tolist() == order


@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_equals_the_oracles_permutation(network: networks.Network) -> None:
    model, inputs = network.make(seed=6)
    if not transform.permutable(model):
        return
    moved, orders = transform.permuted(model, inputs, np.random.default_rng(1))
    matches = [torch.from_numpy(order) for order in orders]
    got, _ = ops.align_parameters(*described(model), *described(model), matches, inputs)
    assert all(torch.equal(x, y) for x, y in zip(got, funcsim.parameters(moved), strict=True))


def test_new_tensors_and_old_ones_unchanged() -> None:
    strided = [tensor.repeat_interleave(2, dim=-1)[..., ::2] for tensor in B[1]]
    before = [tensor.clone() for tensor in strided]
    for rescale in (False, True):
        got, _ = ops.align_parameters(*A, B[0], strided, MATCHES, ROWS, rescale)
        assert all(torch.equal(x, y) for x, y in zip(strided, before, strict=True))
        addresses = {tensor.untyped_storage().data_ptr() for tensor in strided}
        assert addresses.isdisjoint(tensor.untyped_storage().data_ptr() for tensor in got)


def _with(matches: list[Tensor], layer: int, values: list[int]) -> list[Tensor]:
    return [*matches[:layer], torch.tensor(values), *matches[layer + 1 :]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*A, *described(mlp(3, (7, 6, 5))), MATCHES, ROWS), ["equally many hidden layers", "2 (the reference)", "3"]),
        ((*A, *B, MATCHES[:1], ROWS), ["matches", "2 hidden layers", "got 1"]),
        ((*A, *B, [MATCHES[0], MATCHES[1].int()], ROWS), ["matches[1]", "int64 [5]", "got int32 [5]"]),
        ((*A, *B, [MATCHES[1], MATCHES[1]], ROWS), ["matches[0]", "int64 [7]", "got int64 [5]"]),
        ((*A, *B, [MATCHES[0], MATCHES[1][:, None]], ROWS), ["matches[1]", "int64 [5, 1]"]),
        ((*A, *B, _with(MATCHES, 1, [0, 1, 5, 2, 3]), ROWS), ["matches[1]", "from 0 to 4", "got 5 at 2"]),
        ((*A, *B, _with(MATCHES, 1, [0, 1, -2, 2, 3]), ROWS), ["matches[1]", "or -1", "got -2 at 2"]),
        (
            (*A, *B, _with(MATCHES, 1, [0, 1, 3, 2, 3]), ROWS),
            ["matches[1]", "at most once", "got 3 a second time at 4"],
        ),
        ((*A, *B, MATCHES, ROWS[:, :5]), ["the reference", "item 0 (Linear(6, 7))", "[N, 5]"]),
        ((*A, *B, MATCHES, ROWS.double()), ["the reference", "inputs must be float32", "float64"]),
        ((*A, *B, MATCHES, ROWS[:0]), ["inputs", "at least one"]),
        ((*A, *B, MATCHES, ROWS * float("inf")), ["the model", "outputs must be finite"]),
    ],
)
def test_refuses(arguments: tuple, words: list[str]) -> None:
    assert_says(lambda: ops.align_parameters(*arguments), "align_parameters", *words)


def test_matches_across_groups_name_layer_units_and_item() -> None:
    grouped = next(grouped for grouped in GROUPED_NETWORKS if grouped.network.name == "grouped twice")
    model, inputs = grouped.network.make(0)
    network = described(model)
    matches = [torch.arange(len(match)) for match in ops.match_units(*network, *network, [])]
    apart = [torch.tensor([0, 2, 1, 3, 4, 5]), *matches[1:]]
    assert_says(
        lambda: ops.align_parameters(*network, *network, apart, inputs), "matches[0]", "unit 1 of the reference",
        "unit 2 of the model", "item 3 (Conv2d(6, 9, [3, 3], padding=[1, 1], groups=3))", "move as wholes",
    )  # fmt: skip
    alone = [matches[0], torch.tensor([3, 4, 5, 0, 1, 2, 6, 7, 8]), *matches[2:]]
    assert_says(lambda: ops.align_parameters(*network, *network, alone, inputs), "matches[1]", "block 0", "block 1")
    fixed = next(grouped for grouped in GROUPED_NETWORKS if grouped.network.name == "grouped inputs")
    model, inputs = fixed.network.make(0)
    network = described(model)
    swapped = [torch.tensor([3, 4, 5, 0, 1, 2]), torch.arange(4)]
    assert_says(
        lambda: ops.align_parameters(*network, *network, swapped, inputs), "matches[0]", "item 0 (Conv2d(4, 6",
        "can't move",
    )  # fmt: skip


def test_scales_beyond_the_dtype_are_an_error() -> None:
    a, b = (nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)) for _ in "ab")
    with torch.no_grad():
        a[0].weight.mul_(1e4)
        b[0].weight.mul_(1e-3)
        b[2].weight.mul_(1e-3)
    networks_in_half = [described(model.half()) for model in (a, b)]
    inputs = torch.randn(9, 4).half()
    arguments = (*networks_in_half[0], *networks_in_half[1], [torch.arange(3)], inputs)
    ops.align_parameters(*arguments)
    assert_says(
        lambda: ops.align_parameters(*arguments, True), "align_parameters: the model", "do not compute the same", "9"
    )


def test_images_of_a_network_with_batch_norm() -> None:
    a, b = described(cnn(1)), described(cnn(2))
    matches = ops.match_units(*a, *b, [], False, 4)
    tensors, orders = ops.align_parameters(*a, *b, matches, IMAGES)
    assert [len(order) for order in orders] == [4, 6]
    columns = torch.arange(100).reshape(4, 25)[orders[0]].flatten()  # each channel owns 25
    assert torch.equal(tensors[6], b[1][6][orders[1]][:, columns])
