"""funcsim.compare: identities, and all its numbers against the oracle."""

import copy
import itertools
from typing import Any

import devices
import funcsim
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import bits, hashing, hooks, matching, networks, transform
from oracle.profile import examples
from torch import nn

BY_NAME = {network.name: network for network in networks.NETWORKS}
BLOCK = 4096


def _mlp(widths: list[int], seed: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        modules += [nn.Linear(before, after), nn.ReLU()]
    model = nn.Sequential(*modules[:-1]).double()
    networks.randomise(model, torch.Generator().manual_seed(seed))
    return model


def _integer_mlp(widths: list[int], seed: int) -> nn.Sequential:
    """Nothing is rounded, so a bit is a bit however sums are split."""
    model = _mlp(widths, seed)
    networks.make_integer_valued(model, torch.Generator().manual_seed(seed))
    return model


def _integers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(-4, 5, shape, generator=torch.Generator().manual_seed(seed)).double()


def _compare(
    device: torch.device, a: nn.Sequential, b: nn.Sequential, inputs: torch.Tensor | tuple, **options: Any
) -> funcsim.Comparison:
    """Of copies on the device. What comes back is on the CPU."""
    got = funcsim.compare(
        *(copy.deepcopy(model).to(device) for model in (a, b)), devices.moved(inputs, device), **options
    )
    assert all(layer.matches.is_cpu and layer.similarities.is_cpu for layer in got.layers)
    return got


def _bits(model: nn.Sequential, inputs: torch.Tensor) -> list[np.ndarray]:
    """Booleans ``[units, samples]`` of each hidden layer of an MLP."""
    return [(z[:, 0] > 0).T for z in hooks.preactivations(model, inputs)]


def _shuffled(signatures: np.ndarray, seed: int, block: int) -> np.ndarray:
    """Inputs shuffled within blocks."""
    parts = [
        hashing.shuffle(signatures[:, start : start + block], len(signatures[0, start : start + block]), 1, seed, start)
        for start in range(0, signatures.shape[1], block)
    ]
    return np.concatenate(parts, axis=1)


def _counted(signatures: np.ndarray) -> tuple[int, int, int]:
    """Dead, always on, duplicates: by looking at the rows themselves."""
    dead = sum(not row.any() for row in signatures)
    always_on = sum(row.all() for row in signatures)
    varying = [row.tobytes() for row in signatures if row.any() and not row.all()]
    return dead, always_on, len(varying) - len(set(varying))


def _assert_layers(comparison: funcsim.Comparison, pairs: list[tuple[int, int]], a: list, b: list) -> None:
    """What doesn't depend on the method: names, counts, coverage, matches."""
    for layer, (i, j) in zip(comparison.layers, pairs, strict=True):
        assert (layer.units_a, layer.units_b) == (len(a[i]), len(b[j]))
        assert (layer.name_a, layer.name_b) == (str(2 * i), str(2 * j))
        assert layer.num_samples == a[i].shape[1]
        assert (layer.dead_a, layer.always_on_a, layer.duplicates_a) == _counted(a[i])
        assert (layer.dead_b, layer.always_on_b, layer.duplicates_b) == _counted(b[j])
        total = float(layer.similarities.double().sum())
        assert layer.score == pytest.approx(total / max(layer.units_a, layer.units_b))
        assert layer.coverage_a == pytest.approx(total / layer.units_a)
        assert layer.coverage_b == pytest.approx(total / layer.units_b)
        assert layer.adjusted == pytest.approx(matching.adjusted(layer.score, layer.chance))
        size = min(layer.units_a, layer.units_b)
        assert layer.matches.dtype == torch.int64
        assert layer.similarities.dtype == torch.float32
        assert layer.matches.shape == (size, 2)
        assert layer.similarities.shape == (size,)
        assert layer.matches[:, 0].tolist() == sorted(set(layer.matches[:, 0].tolist()))
        assert len(set(layer.matches[:, 1].tolist())) == size


@given(
    widths=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=3),
    seed=st.integers(0, 2**31),
    samples=st.integers(1, 90),
)
@examples(25)
def test_exact_numbers_are_the_oracles(
    device: torch.device, widths: list[tuple[int, int]], seed: int, samples: int
) -> None:
    a = _integer_mlp([5, *(width for width, _ in widths), 3], seed)
    b = _integer_mlp([5, *(width for _, width in widths), 2], seed + 1)
    inputs = _integers(samples, 5, seed=seed)
    got = _compare(device, a, b, inputs, seed=seed)
    assert (got.method, got.similarity, got.num_inputs, got.standard_error) == ("exact", "jaccard", samples, 0)
    bits_a, bits_b = _bits(a, inputs), _bits(b, inputs)
    _assert_layers(got, [(i, i) for i in range(len(widths))], bits_a, bits_b)
    matrices = [bits.jaccard(x, y) for x, y in zip(bits_a, bits_b, strict=True)]
    unrelated = [bits.jaccard(x, _shuffled(y, seed, samples)) for x, y in zip(bits_a, bits_b, strict=True)]
    expected, chance = matching.network_score(matrices), matching.network_score(unrelated)
    assert got.score == pytest.approx(expected.network, abs=1e-6)
    assert got.chance == pytest.approx(chance.network, abs=1e-6)
    assert got.adjusted == pytest.approx(matching.adjusted(got.score, got.chance), abs=1e-9)
    for layer, matrix, layer_chance in zip(got.layers, matrices, chance.layers, strict=True):
        assert layer.chance == pytest.approx(layer_chance, abs=1e-6)
        rows, columns = layer.matches.T.numpy()
        np.testing.assert_allclose(layer.similarities, matrix[rows, columns], rtol=1e-6)
        assert matrix[rows, columns].sum() == pytest.approx(matching.best_total(matrix), abs=1e-5)
        assert layer.standard_error == 0
    assert got.unmatched_a == got.unmatched_b == ()


@pytest.mark.parametrize("is_stream", [False, True])
def test_minhash_numbers_are_the_oracles_in_blocks(device: torch.device, is_stream: bool) -> None:
    """More than one block of inputs: sketches of everything, and of inputs shuffled: a stream's block by block."""
    a, b, inputs = _integer_mlp([5, 7, 6, 3], 1), _integer_mlp([5, 8, 6, 3], 2), _integers(BLOCK + 300, 5)
    given = inputs.split(700) if is_stream else inputs
    got = _compare(device, a, b, given, method="minhash", num_hashes=64, seed=9)
    assert (got.method, got.num_inputs) == ("minhash", BLOCK + 300)
    bits_a, bits_b = _bits(a, inputs), _bits(b, inputs)
    _assert_layers(got, [(0, 0), (1, 1)], bits_a, bits_b)
    sketches_a, sketches_b, shuffled = (
        [hashing.minhash(layer, 64, 9) for layer in layers]
        for layers in (bits_a, bits_b, [_shuffled(layer, 9, BLOCK if is_stream else len(inputs)) for layer in bits_b])
    )
    matrices = [bits.minhash_jaccard(x, y) for x, y in zip(sketches_a, sketches_b, strict=True)]
    expected = matching.network_score(matrices)
    chance = matching.network_score([bits.minhash_jaccard(x, y) for x, y in zip(sketches_a, shuffled, strict=True)])
    assert got.score == pytest.approx(expected.network, abs=1e-6)
    assert got.chance == pytest.approx(chance.network, abs=1e-6)
    pairs, weights = [], []
    for layer, x, y in zip(got.layers, sketches_a, sketches_b, strict=True):
        matched = [(x[i], y[j]) for i, j in layer.matches.tolist()]
        error = matching.standard_error(matched, [1 / max(len(x), len(y))] * len(matched))
        assert layer.standard_error == pytest.approx(error, rel=1e-6)
        pairs += matched
        weights += [1 / (8 + 6)] * len(matched)
    assert got.standard_error == pytest.approx(matching.standard_error(pairs, weights), rel=1e-6)


def test_phi_is_the_oracles_and_always_exact(device: torch.device) -> None:
    a, b, inputs = _integer_mlp([5, 7, 6, 3], 1), _integer_mlp([5, 8, 6, 3], 2), _integers(300, 5)
    got = _compare(device, a, b, inputs, similarity="phi", num_hashes=1)
    assert (got.method, got.similarity) == ("exact", "phi")
    matrices = [bits.phi(x, y) for x, y in zip(_bits(a, inputs), _bits(b, inputs), strict=True)]
    assert got.score == pytest.approx(matching.network_score(matrices).network, abs=1e-6)


@given(
    hidden_a=st.lists(st.integers(1, 8), min_size=1, max_size=3),
    hidden_b=st.lists(st.integers(1, 8), min_size=1, max_size=3),
    seed=st.integers(0, 2**31),
)
@examples(20)
def test_unequal_depths_pair_in_order_for_the_largest_sum(
    device: torch.device, hidden_a: list[int], hidden_b: list[int], seed: int
) -> None:
    a, b = _integer_mlp([5, *hidden_a, 3], seed), _integer_mlp([5, *hidden_b, 3], seed + 1)
    inputs = _integers(100, 5, seed=seed)
    got = _compare(device, a, b, inputs)
    pairs = [(int(layer.name_a) // 2, int(layer.name_b) // 2) for layer in got.layers]
    assert len(pairs) == min(len(hidden_a), len(hidden_b))
    bits_a, bits_b = _bits(a, inputs), _bits(b, inputs)
    _assert_layers(got, pairs, bits_a, bits_b)
    table = np.array([[matching.layer_score(bits.jaccard(x, y)) for y in bits_b] for x in bits_a])
    if len(hidden_a) != len(hidden_b):
        assert sum(table[i, j] for i, j in pairs) == pytest.approx(matching.best_pairing_sum(table), abs=1e-6)
    for unmatched, hidden, used in ((got.unmatched_a, hidden_a, 0), (got.unmatched_b, hidden_b, 1)):
        expected = [i for i in range(len(hidden)) if i not in [pair[used] for pair in pairs]]
        assert [(layer.name, layer.units) for layer in unmatched] == [(str(2 * i), hidden[i]) for i in expected]
    left_over = [layer.units for layer in (*got.unmatched_a, *got.unmatched_b)]
    score = matching.network_score([bits.jaccard(bits_a[i], bits_b[j]) for i, j in pairs], left_over)
    assert got.score == pytest.approx(score.network, abs=1e-6)


def test_a_given_pairing_is_used(device: torch.device) -> None:
    a, b, inputs = _integer_mlp([5, 7, 6, 3], 1), _integer_mlp([5, 8, 6, 4, 3], 2), _integers(300, 5)
    got = _compare(device, a, b, inputs, layers=[(1, 0), (0, 2)])
    assert [(layer.name_a, layer.name_b) for layer in got.layers] == [("0", "4"), ("2", "0")]
    assert got.unmatched_a == ()
    assert got.unmatched_b == (funcsim.UnmatchedLayer("2", 6),)
    bits_a, bits_b = _bits(a, inputs), _bits(b, inputs)
    matrices = [bits.jaccard(bits_a[0], bits_b[2]), bits.jaccard(bits_a[1], bits_b[0])]
    assert got.score == pytest.approx(matching.network_score(matrices, [6]).network, abs=1e-6)


@pytest.mark.parametrize("method", ["exact", "minhash", "auto"])
@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_self_is_exactly_one(device: torch.device, network: networks.Network, method: str) -> None:
    model, inputs = network.make(seed=1, dtype=torch.float32)
    model.to(device)
    for other in (model, copy.deepcopy(model)):
        got = funcsim.compare(model, other, inputs, method=method, num_hashes=64)
        assert (got.score, got.adjusted, got.standard_error) == (1, 1, 0)
        assert all(layer.score == layer.coverage_a == layer.coverage_b == 1 for layer in got.layers)
        assert all((layer.similarities == 1).all() for layer in got.layers)


@pytest.mark.parametrize("method", ["exact", "minhash"])
@pytest.mark.parametrize("name", ["mlp", "conv1d", "conv2d", "tokens", "nested", "batch-norm-elsewhere"])
def test_a_copy_rescaled_by_powers_of_two_scores_exactly_one(device: torch.device, name: str, method: str) -> None:
    model, inputs = BY_NAME[name].make(seed=2, dtype=torch.float32)
    other = transform.rescaled(model, inputs, np.random.default_rng(0))
    assert _compare(device, model, other, inputs, method=method).score == 1
    assert _compare(device, model, other, inputs, method=method, margin=0.3, positions="all").score == 1


@pytest.mark.parametrize("method", ["exact", "minhash"])
@pytest.mark.parametrize("name", ["mlp", "ReLU", "PReLU", "flattened-batch-norm"])
def test_a_permuted_copy_scores_one_and_is_matched(device: torch.device, name: str, method: str) -> None:
    model, _ = BY_NAME[name].make(3)
    networks.make_integer_valued(model, torch.Generator().manual_seed(3))
    inputs = _integers(200, *BY_NAME[name].shape)
    other, orders = transform.permuted(model, inputs, np.random.default_rng(3))
    got = _compare(device, model, other, inputs, method=method)
    assert got.score == 1
    for layer, order, z in zip(got.layers, orders, hooks.preactivations(model, inputs), strict=True):
        fires = (hooks.sampled(z, 0) > 0).T
        i, j = layer.matches.T.numpy()
        # Right up to units with equal signatures, which can't be told apart.
        np.testing.assert_array_equal(fires[i], fires[order[j]])


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_symmetry_and_coverage_swaps(device: torch.device, method: str) -> None:
    small, large, inputs = _mlp([5, 7, 6, 3], 1), _mlp([5, 11, 9, 3], 2), _integers(700, 5)
    forth = _compare(device, small, large, inputs, method=method, num_hashes=128)
    back = _compare(device, large, small, inputs, method=method, num_hashes=128)
    assert forth.score == back.score
    assert forth.standard_error == pytest.approx(back.standard_error)
    if method == "exact":
        assert (forth.chance, forth.adjusted) == (back.chance, back.adjusted)
    else:  # the same sets against each other, estimated from other samples
        assert forth.chance == pytest.approx(back.chance, abs=0.05)
    for one, two in zip(forth.layers, back.layers, strict=True):
        assert (one.coverage_a, one.coverage_b) == (two.coverage_b, two.coverage_a)
        assert one.coverage_a == pytest.approx(one.score * one.units_b / one.units_a)
        assert (one.dead_a, one.duplicates_b) == (two.dead_b, two.duplicates_a)
        assert one.matches.shape == (one.units_a, 2)


def test_equals_the_compare_operator(device: torch.device) -> None:
    for name in ("mlp", "conv2d", "tokens"):
        (a, inputs), (b, _) = BY_NAME[name].make(1), BY_NAME[name].make(2)
        a, b, inputs = a.to(device), b.to(device), inputs.to(device)
        for positions, number in ((16, 16), ("all", 0), ("any", -1), (3, 3)):
            for method in ("exact", "minhash"):
                expected = torch.ops.funcsim.compare(
                    funcsim.describe(a), funcsim.parameters(a), funcsim.describe(b), funcsim.parameters(b), inputs,
                    method, 64, 5, 0.1, number,
                )  # fmt: skip
                got = funcsim.compare(
                    a, b, inputs, method=method, num_hashes=64, seed=5, margin=0.1, positions=positions
                )
                assert got.score == expected[0].item()
                assert [layer.score for layer in got.layers] == expected[1].tolist()
                for layer, partners in zip(got.layers, expected[2], strict=True):
                    units = (partners >= 0).nonzero().flatten().tolist()
                    assert layer.matches.tolist() == [[i, partners[i].item()] for i in units]


def test_seed_and_margin_matter_and_are_reproducible() -> None:
    a, b, inputs = _mlp([5, 9, 9, 3], 1), _mlp([5, 9, 9, 3], 2), _integers(800, 5)

    def scores(**options: float) -> tuple[float, float]:
        got = funcsim.compare(a, b, inputs, method="minhash", num_hashes=32, **options)
        return got.score, got.chance

    assert scores() == scores(seed=0) == scores(margin=0.0)
    assert scores(seed=3) == scores(seed=3) != scores()
    assert scores(seed=-(2**63)) != scores(seed=2**63 - 1)
    assert scores(margin=0.5) != scores()
    exact = [funcsim.compare(a, b, inputs, method="exact", seed=seed) for seed in (0, 1)]
    assert exact[0].score == exact[1].score
    assert exact[0].chance != exact[1].chance


def test_the_default_options_are_those_documented() -> None:
    (a, inputs), (b, _) = BY_NAME["conv2d"].make(1), BY_NAME["conv2d"].make(2)
    default = funcsim.compare(a, b, inputs)
    given_ = funcsim.compare(
        a,
        b,
        inputs,
        method="auto",
        similarity="jaccard",
        num_hashes=1024,
        seed=0,
        margin=0.0,
        positions=16,
        layers=None,
    )
    assert default.to_dict() == given_.to_dict()
    assert default.layers[0].num_samples == len(inputs) * 16


@pytest.mark.parametrize(("samples", "expected"), [(32 * 8, "exact"), (32 * 8 + 1, "minhash")])
def test_auto_is_exact_up_to_32_samples_a_hash(device: torch.device, samples: int, expected: str) -> None:
    a, b, inputs = _mlp([5, 9, 3], 1), _mlp([5, 9, 3], 2), _integers(samples, 5)
    got = _compare(device, a, b, inputs, num_hashes=8)
    assert got.method == expected
    assert got.to_dict() == _compare(device, a, b, inputs, num_hashes=8, method=expected).to_dict()


def test_auto_counts_the_samples_of_the_largest_layer_of_either_network() -> None:
    torch.manual_seed(0)
    convolution = nn.Sequential(nn.Conv1d(1, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(5, 2))
    linear = nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.ReLU(), nn.Linear(5, 2))
    deep = nn.Sequential(*convolution[:4], nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 2))
    inputs = torch.randn(40, 1, 9)
    for pair in ((deep, linear), (linear, deep)):
        assert [funcsim.compare(*pair, inputs, num_hashes=k).method for k in (20, 19)] == ["exact", "minhash"]
    assert funcsim.compare(linear, linear, inputs, num_hashes=2).method == "exact"


def test_estimates_agree_with_exact_numbers() -> None:
    a, b, inputs = _mlp([6, 30, 30, 3], 1), _mlp([6, 30, 30, 3], 2), _integers(5000, 6)
    exact = funcsim.compare(a, b, inputs, method="exact")
    estimate = funcsim.compare(a, b, inputs, method="minhash", num_hashes=4096)
    assert 0 < estimate.standard_error < 0.01
    assert abs(estimate.score - exact.score) < 0.02
    assert abs(estimate.chance - exact.chance) < 0.02


def test_thread_count_does_not_matter() -> None:
    a, b, inputs = _mlp([6, 30, 40, 3], 1), _mlp([6, 40, 30, 3], 2), torch.randn(5000, 6).double()
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append([funcsim.compare(a, b, inputs, method=method).to_dict() for method in ("exact", "minhash")])
    finally:
        torch.set_num_threads(threads)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("num_inputs", [64, 500, 2000])
def test_the_standard_error_is_the_spread_over_seeds(num_inputs: int) -> None:
    """Also where there are fewer samples than slots. The spread of 60 seeds is known to 10 % (one standard error)."""
    torch.manual_seed(0)
    a, b = (nn.Sequential(nn.Linear(16, 40), nn.ReLU(), nn.Linear(40, 2)) for _ in range(2))
    inputs = torch.randn(num_inputs, 16)
    runs = [funcsim.compare(a, b, inputs, method="minhash", num_hashes=512, seed=seed) for seed in range(60)]
    spread = float(np.std([run.score for run in runs], ddof=1))
    assert np.mean([run.standard_error for run in runs]) == pytest.approx(spread, rel=0.35)


def test_opposite_units_are_not_equal_although_chance_is_1() -> None:
    """Half of the inputs, and every shuffle of them with another, fires what it should not."""
    a, b = (nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1)) for _ in range(2))
    with torch.no_grad():
        a[0].weight.fill_(1.0)
        b[0].weight.fill_(-1.0)
    seeds = [funcsim.compare(a, b, torch.tensor([[1.0], [-1.0]]), seed=seed) for seed in range(3)]
    assert [(run.score, run.chance, run.adjusted) for run in seeds] == [(0.0, 1.0, 0.0)] * 3
