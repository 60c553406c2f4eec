"""The operator match_units: exactly optimal within what groups allow, with ties and without similarities."""

import copy
import itertools

import funcsim
import numpy as np
import pytest
import torch
from operator_calls import described, mlp
from oracle import networks, transform
from oracle.grouped_networks import GROUPED_NETWORKS
from refusals import assert_says
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

ops = torch.ops.funcsim
GROUPED = {grouped.network.name: grouped for grouped in GROUPED_NETWORKS}


def total(similarities: list[Tensor], matches: list[Tensor]) -> float:
    values = [
        matrix.double()[match >= 0, match[match >= 0]] for matrix, match in zip(similarities, matches, strict=True)
    ]
    return float(torch.cat(values).sum())


def random_similarities(sizes: list[tuple[int, int]], seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(size, generator=generator) for size in sizes]


@pytest.mark.parametrize("sizes", [(7, 7), (7, 4), (4, 7)])
def test_is_optimal_layer_by_layer(sizes: tuple[int, int]) -> None:
    a, b = (described(mlp(seed, (size, 5))) for seed, size in enumerate(sizes))
    similarities = random_similarities([sizes, (5, 5)], seed=0)
    matches = ops.match_units(*a, *b, similarities)
    for matrix, match in zip(similarities, matches, strict=True):
        rows, columns = linear_sum_assignment(matrix.numpy(), maximize=True)
        expected = np.full(len(matrix), -1)
        expected[rows] = columns
        np.testing.assert_array_equal(match.numpy(), expected)


def orders_of_blocks(units: int, blocks: int, order: tuple[int, ...]) -> list[list[int]]:
    """All orders of units within their blocks, which are in this order."""
    size = units // blocks
    within = [[[block * size + place for place in places] for places in itertools.permutations(range(size))]
              for block in order]  # fmt: skip
    return [list(itertools.chain.from_iterable(choice)) for choice in itertools.product(*within)]


@pytest.mark.parametrize("name", ["depthwise", "group norms", "group norm and grouped convolution", "grouped inputs"])
def test_is_optimal_among_what_groups_allow(name: str) -> None:
    grouped = GROUPED[name]
    a, b = (described(grouped.network.make(seed, torch.float32)[0]) for seed in (0, 1))
    sizes = [(len(match), len(match)) for match in ops.match_units(*a, *b, [])]
    for seed in range(5):
        similarities = random_similarities(sizes, seed)
        best = 0.0
        for tied in grouped.tied:
            blocks = range(tied.blocks)
            values = []
            for order in itertools.permutations(blocks) if tied.can_move else [tuple(blocks)]:
                value = 0.0
                for layer in tied.layers:
                    units = sizes[layer][0]
                    matrix = similarities[layer].double().numpy()
                    if tied.blocks == 1:
                        rows, columns = linear_sum_assignment(matrix, maximize=True)
                        value += matrix[rows, columns].sum()
                    else:
                        value += max(
                            matrix[range(units), units_in_order].sum()
                            for units_in_order in orders_of_blocks(units, tied.blocks, order)
                        )
                values.append(value)
            best += max(values)
        matches = ops.match_units(*a, *b, similarities)
        assert total(similarities, matches) == pytest.approx(best, rel=1e-12)
        inputs = grouped.network.make(0, torch.float32)[1]
        ops.align_parameters(*a, *b, matches, inputs)  # checks that the function is the same


def test_units_with_equal_similarities_are_told_apart_by_weights() -> None:
    model = mlp(1, (7, 5)).double()
    inputs = torch.randn(3, 6, dtype=torch.float64)
    other, orders = transform.permuted(model, inputs, np.random.default_rng(0))
    nothing_known = [torch.zeros(7, 7), torch.zeros(5, 5)]
    matches = ops.match_units(*described(model), *described(other), nothing_known)
    for order, match in zip(orders, matches, strict=True):
        np.testing.assert_array_equal(order[match.numpy()], np.arange(len(order)))


def test_ties_never_cost_similarity() -> None:
    a, b = described(mlp(1, (7, 5))), described(mlp(2, (9, 5)))
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        similarities = [torch.randint(0, 2, size, generator=generator).float() for size in ((7, 9), (5, 5))]
        matches = ops.match_units(*a, *b, similarities)
        for matrix, match in zip(similarities, matches, strict=True):
            rows, columns = linear_sum_assignment(matrix.numpy(), maximize=True)
            assert total([matrix], [match]) == matrix.numpy()[rows, columns].sum()
            assert len(set(match.tolist())) == len(match)


def distance(a: nn.Sequential, b: nn.Sequential, matches: list[Tensor], inputs: Tensor) -> float:
    """Squared distance of all canonical weights, b's units in a's order."""
    aligned = copy.deepcopy(b)
    moved, _ = ops.align_parameters(*described(a), *described(b), matches, inputs)
    for target, value in zip(funcsim.parameters(aligned), moved, strict=True):
        target.copy_(value)
    pairs = zip(*(funcsim.parameters(funcsim.canonicalize(model)) for model in (a, aligned)), strict=True)
    return sum(float((x - y).square().sum()) for x, y in pairs)


def test_coordinate_descent_ends_where_no_layer_can_be_improved() -> None:
    for seed in range(5):
        a, b = (mlp(seed + offset, (6, 6)).double() for offset in (0, 100))
        inputs = torch.randn(4, 6, dtype=torch.float64)
        rng = np.random.default_rng(seed)
        at_random = [torch.from_numpy(rng.random((6, 6), dtype=np.float32)) for _ in range(2)]
        for start in ([], at_random):
            once = ops.match_units(*described(a), *described(b), start)
            matches = ops.match_units(*described(a), *described(b), start, True)
            assert distance(a, b, matches, inputs) <= distance(a, b, once, inputs) + 1e-9
            assert_no_layer_can_be_improved(a, b, matches)


def assert_no_layer_can_be_improved(a: nn.Sequential, b: nn.Sequential, matches: list[Tensor]) -> None:
    """Each layer's matching is the best one given those of the layers around it."""
    weights = [[layer.weight.detach().numpy() for layer in funcsim.canonicalize(model)[::2]] for model in (a, b)]
    biases = [[layer.bias.detach().numpy() for layer in funcsim.canonicalize(model)[::2]] for model in (a, b)]
    orders = [np.arange(6), *(match.numpy() for match in matches), np.arange(3)]
    for layer in (0, 1):
        (x, x_bias, x_next), (y, y_bias, y_next) = (
            (weights[side][layer], biases[side][layer], weights[side][layer + 1]) for side in (0, 1)
        )
        y, y_next = y[:, orders[layer]], y_next[orders[layer + 2]]
        costs = ((x[:, None] - y) ** 2).sum(axis=2) + (x_bias[:, None] - y_bias) ** 2
        costs += ((x_next.T[:, None] - y_next.T) ** 2).sum(axis=2)
        rows, columns = linear_sum_assignment(costs)
        reached = costs[np.arange(6), orders[layer + 1]].sum()
        assert reached == pytest.approx(costs[rows, columns].sum(), rel=1e-5)


A, B = described(mlp(1)), described(mlp(2))
ALIKE = random_similarities([(7, 7), (5, 5)], seed=0)


def _bad(value: float) -> list[Tensor]:
    matrix = ALIKE[1].clone()
    matrix[2, 3] = value
    return [ALIKE[0], matrix]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*A, *described(mlp(3, (7, 6, 5))), []), ["equally many hidden layers", "2 (the reference)", "3 (the model)"]),
        ((*A, *B, ALIKE[:1]), ["similarities", "2 hidden layers", "got 1"]),
        ((*A, *B, [ALIKE[0], ALIKE[0]]), ["similarities[1]", "float32 [5, 5]", "got float32 [7, 7]"]),
        ((*A, *B, [ALIKE[0], ALIKE[1].double()]), ["similarities[1]", "float32", "float64"]),
        ((*A, *B, _bad(float("nan"))), ["similarities[1]", "finite", "nan", "[2, 3]"]),
        ((*A, *B, _bad(float("inf"))), ["similarities[1]", "finite", "inf", "[2, 3]"]),
        ((*A, *B, ALIKE, False, 1), ["input_dimensions", "at least 2", "got 1"]),
        ((*A, *B, ALIKE, False, -1), ["input_dimensions", "got -1"]),
    ],
)
def test_refuses(arguments: tuple, words: list[str]) -> None:
    assert_says(lambda: ops.match_units(*arguments), "match_units", *words)


def test_networks_with_other_groups_name_the_layer_and_what_divides_it() -> None:
    plain = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU(), nn.Conv2d(6, 2, 1))
    grouped = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3, groups=3), nn.ReLU(), nn.Conv2d(6, 2, 1))
    assert_says(
        lambda: ops.match_units(*described(plain), *described(grouped), []),
        "hidden layer 0", "1 in the reference (by nothing)", "3 in the model (by item 2 (Conv2d", "groups=3",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ([nn.Conv1d(2, 3, 1), nn.Tanh(), nn.Linear(3, 2)], ["item 2", "reads the last axis"]),
        ([nn.Linear(4, 8), nn.GELU(), nn.Unflatten(1, (2, 4)), nn.Conv1d(2, 3, 1)], ["item 2", "splits the 8 units"]),
        ([nn.Linear(4, 6), nn.Sigmoid(), nn.MaxPool1d(2), nn.Linear(3, 2)], ["item 2", "across the units"]),
        (
            [nn.Conv1d(2, 4, 1), nn.ReLU(), nn.Flatten(), nn.Unflatten(1, (12, 1)), nn.GroupNorm(6, 12),
             nn.Conv1d(12, 1, 1)],
            ["item 4", "groups of 2 channels", "end within a unit"],
        ),
    ],
)  # fmt: skip
def test_networks_whose_units_get_lost_name_the_item(modules: list[nn.Module], words: list[str]) -> None:
    network = described(nn.Sequential(*modules))
    assert_says(lambda: ops.match_units(*network, *network, []), "match_units: the reference", *words)


def test_other_kernels_have_no_weights_to_compare() -> None:
    a = nn.Sequential(nn.Conv1d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv1d(4, 3, 1), nn.ReLU(), nn.Conv1d(3, 2, 1))
    b = nn.Sequential(nn.Conv1d(2, 4, 1), nn.ReLU(), nn.Conv1d(4, 3, 1), nn.ReLU(), nn.Conv1d(3, 2, 1))
    assert_says(
        lambda: ops.match_units(*described(a), *described(b), []), "hidden layer 0, item 0 (Conv1d(2, 4, [3]",
        "can't be compared",
    )  # fmt: skip
    # Ties then are left as they are.
    matches = ops.match_units(*described(a), *described(b), [torch.zeros(4, 4), torch.zeros(3, 3)])
    assert sorted(matches[0].tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_a_network_is_matched_with_itself_by_weights(network: networks.Network) -> None:
    model, inputs = network.make(seed=2)
    matches = ops.match_units(*described(model), *described(model), [], False, inputs.dim())
    for match in matches:
        np.testing.assert_array_equal(match.numpy(), np.arange(len(match)))
