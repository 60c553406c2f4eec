"""The compare operator from end to end: identities of the design, and scores of the oracle."""

import copy
import itertools

import devices
import funcsim
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import bits, hooks, matching, networks, transform
from oracle.profile import examples
from torch import nn

ops = torch.ops.funcsim
PERMUTABLE = [network for network in networks.NETWORKS if transform.permutable(network.make(0)[0])]


def _compare(
    a: nn.Sequential, b: nn.Sequential, inputs: torch.Tensor, *args: object, device: torch.device | str = "cpu"
) -> tuple:
    """Computed on the device, given on the CPU."""
    networks_ = (funcsim.describe(a), funcsim.parameters(a), funcsim.describe(b), funcsim.parameters(b))
    score, layers, matches, similarities = ops.compare(*devices.moved((*networks_, inputs), device), *args)
    assert {tensor.device for tensor in (score, layers, *matches, *similarities)} == {torch.device(device)}
    return devices.moved((score, layers, matches, similarities), "cpu")


def _mlp(widths: list[int], seed: int, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    generator = torch.Generator().manual_seed(seed)
    modules: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        modules += [nn.Linear(before, after), nn.ReLU()]
    model = nn.Sequential(*modules[:-1]).double()
    networks.randomise(model, generator)
    return model.to(dtype)


def _inputs(samples: int, features: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, features, generator=generator, dtype=torch.float64)


def _bits(model: nn.Sequential, inputs: torch.Tensor) -> list[np.ndarray]:
    return [(hooks.sampled(z, 0) > 0).T for z in hooks.preactivations(model, inputs)]


@pytest.mark.parametrize("method", ["exact", "minhash", "auto"])
@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_self_is_exactly_one(device: torch.device, network: networks.Network, method: str) -> None:
    model, inputs = network.make(seed=1, dtype=torch.float32)
    score, layers, matches, similarities = _compare(model, copy.deepcopy(model), inputs, method, 64, device=device)
    assert score.dtype == layers.dtype == torch.float64
    assert score.shape == ()
    assert score == 1
    assert (layers == 1).all()
    assert len(matches) == len(similarities) == len(layers) == len(hooks.hidden_layers(hooks.leaves(model)))
    assert all((similarity == 1).all() for similarity in similarities)


@pytest.mark.parametrize("method", ["exact", "minhash"])
@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_a_copy_rescaled_by_powers_of_two_scores_exactly_one(
    device: torch.device, network: networks.Network, method: str
) -> None:
    model, inputs = network.make(seed=2, dtype=torch.float32)
    other = transform.rescaled(model, inputs, np.random.default_rng(0))
    assert _compare(model, other, inputs, method, device=device)[0] == 1
    assert _compare(model, other, inputs, method, 64, 3, 0.25, device=device)[0] == 1  # with a margin too


@pytest.mark.parametrize("network", PERMUTABLE, ids=lambda network: network.name)
def test_a_permuted_and_rescaled_copy_scores_one(device: torch.device, network: networks.Network) -> None:
    model, _ = network.make(seed=3, dtype=torch.float32)
    inputs = torch.randn(100, *network.shape, generator=torch.Generator().manual_seed(1))
    rng = np.random.default_rng(0)
    other, orders = transform.permuted(model, inputs, rng)
    assert _compare(model, other, inputs, device=device)[0] >= 1 - 1e-4
    other = transform.rescaled(other, inputs, rng, powers_of_two=False)
    assert _compare(model, other, inputs, device=device)[0] >= 1 - 1e-4
    del orders


@pytest.mark.parametrize("method", ["exact", "minhash"])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", ["mlp", "ReLU", "PReLU", "flattened-batch-norm"])
def test_a_permuted_copy_of_an_integer_network_scores_exactly_one(
    device: torch.device, name: str, seed: int, method: str
) -> None:
    (network,) = [network for network in networks.INTEGER_NETWORKS if network.name == name]
    model, _ = network.make(seed)
    generator = torch.Generator().manual_seed(seed)
    networks.make_integer_valued(model, generator)
    inputs = torch.randint(-3, 4, (200, *network.shape), generator=generator).float()
    model = model.float()
    other, orders = transform.permuted(model, inputs, np.random.default_rng(seed))
    score, layers, matches, _ = _compare(model, other, inputs, method, device=device)
    assert score == 1
    assert (layers == 1).all()
    for signatures, match, order in zip(_bits(model, inputs), matches, orders, strict=True):
        right = np.empty_like(order)
        right[order] = np.arange(len(order))
        # Right up to units with equal signatures, which can't be told apart.
        np.testing.assert_array_equal(signatures[order[match.numpy()]], signatures)
        assert sorted(match.tolist()) == sorted(right.tolist())


@given(
    hidden_a=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    hidden_b=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    seed=st.integers(0, 2**32 - 1),
)
@examples(30)
def test_scores_are_the_oracles(device: torch.device, hidden_a: list[int], hidden_b: list[int], seed: int) -> None:
    a, b = _mlp([5, *hidden_a, 3], seed), _mlp([5, *hidden_b, 2], seed + 1)
    inputs = _inputs(150, 5, seed)
    score, layers, matches, similarities = _compare(a, b, inputs, "exact", device=device)
    bits_a, bits_b = _bits(a, inputs), _bits(b, inputs)
    table = np.array([[matching.layer_score(bits.jaccard(x, y)) for y in bits_b] for x in bits_a])
    if len(hidden_a) == len(hidden_b):
        matrices = [bits.jaccard(x, y) for x, y in zip(bits_a, bits_b, strict=True)]
        expected = matching.network_score(matrices)
        assert score.item() == pytest.approx(expected.network, rel=1e-6)
        np.testing.assert_allclose(layers, expected.layers, rtol=1e-6)
        for match, value, matrix in zip(matches, similarities, matrices, strict=True):
            found = [matrix[i, j] if j >= 0 else 0 for i, j in enumerate(match.tolist())]
            np.testing.assert_allclose(value, found, rtol=1e-6)
    else:
        assert layers.sum().item() == pytest.approx(matching.best_pairing_sum(table), rel=1e-6)
    assert 0 <= score <= 1
    swapped, swapped_layers, _, _ = _compare(b, a, inputs, "exact", device=device)
    assert swapped == score
    assert torch.equal(swapped_layers, layers)


@pytest.mark.parametrize("network_a", ["conv2d", "group-norm-conv"])
def test_convolutional_networks_of_other_sizes_compare_at_the_same_points(device: torch.device, network_a: str) -> None:
    (first,) = [network for network in networks.NETWORKS if network.name == network_a]
    a, inputs = first.make(seed=5)
    b = nn.Sequential(nn.Conv2d(2, 6, (4, 5), padding=1), nn.ReLU(), nn.Conv2d(6, 3, 2), nn.ReLU(), nn.Conv2d(3, 1, 1))
    score, _, _, _ = _compare(a, b.double(), inputs, device=device)
    assert 0 < score < 1
    first_layers = a[:5] if network_a == "group-norm-conv" else a[:7]
    with pytest.raises(RuntimeError, match="any"):
        _compare(first_layers, b[:3].double(), inputs, "exact", 64, 0, 0.0, 0, device=device)


@pytest.mark.parametrize(("samples", "expected"), [(32 * 8, "exact"), (32 * 8 + 1, "minhash")])
def test_auto_is_exact_up_to_32_samples_a_hash(device: torch.device, samples: int, expected: str) -> None:
    a, b, inputs = _mlp([5, 12, 3], 0), _mlp([5, 12, 3], 1), _inputs(samples, 5)
    auto = _compare(a, b, inputs, "auto", 8, device=device)
    scores = {method: _compare(a, b, inputs, method, 8, device=device)[0].item() for method in ("exact", "minhash")}
    assert scores["exact"] != scores["minhash"]
    assert auto[0].item() == scores[expected]


def test_auto_counts_the_samples_of_the_largest_layer() -> None:
    torch.manual_seed(0)
    models = [
        nn.Sequential(
            nn.Conv1d(1, 5, 1),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(5, 5),
            nn.ReLU(),
            nn.Linear(5, 2),
        )
        for _ in range(2)
    ]
    inputs = torch.randn(40, 1, 16)
    for num_hashes, expected in ((20, "exact"), (19, "minhash")):  # 40 inputs of 16 points are 640 samples
        scores = {method: _compare(*models, inputs, method, num_hashes)[0].item() for method in ("exact", "minhash")}
        assert scores["exact"] != scores["minhash"]
        assert _compare(*models, inputs, "auto", num_hashes)[0].item() == scores[expected]


def test_minhash_is_close_to_exact_and_the_same_for_every_seed_it_is_given(device: torch.device) -> None:
    a, b, inputs = _mlp([8, 30, 30, 3], 0), _mlp([8, 30, 30, 3], 1), _inputs(3000, 8)
    exact = _compare(a, b, inputs, "exact", device=device)[0].item()
    scores = [_compare(a, b, inputs, "minhash", 2048, seed, device=device)[0].item() for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]
    assert all(abs(score - exact) < 0.02 for score in scores)


def test_compare_is_made_of_the_other_operators(device: torch.device) -> None:
    a, b, inputs = _mlp([6, 11, 7, 3], 0), _mlp([6, 9, 8, 3], 1), _inputs(500, 6)
    described = [
        devices.moved((funcsim.describe(model), funcsim.parameters(model), inputs), device) for model in (a, b)
    ]
    layers = [ops.network_signatures(*network) for network in described]
    for method in ("exact", "minhash"):
        if method == "minhash":
            layers = [[ops.minhash(signature, 500, 128, 4) for signature in network] for network in layers]
        score, scores, matches, similarities = _compare(a, b, inputs, method, 128, 4, device=device)
        expected = ops.compare_layers(*devices.moved((layers[0], layers[1], layers[1]), "cpu"), [500] * 2, [500] * 2)
        assert score == expected[4][0]
        assert torch.equal(scores, expected[1])
        assert all(torch.equal(one, two) for one, two in zip(matches, expected[5], strict=True))
        assert all(torch.equal(one, two) for one, two in zip(similarities, expected[6], strict=True))


@pytest.mark.parametrize("method", ["exact", "minhash"])
@pytest.mark.parametrize("positions", [16, 0, -1, 3])
@pytest.mark.parametrize("name", ["mlp", "flattened-batch-norm", "nested"])
def test_integer_networks_score_as_on_the_cpu(device: torch.device, name: str, positions: int, method: str) -> None:
    """Nothing is rounded, so that all bits are equal, and with them all else."""
    (network,) = [network for network in networks.INTEGER_NETWORKS if network.name == name]
    a, b = (network.make(seed)[0] for seed in (1, 2))
    for seed, model in enumerate((a, b)):
        networks.make_integer_valued(model, torch.Generator().manual_seed(seed))
    inputs = torch.randint(-3, 4, (100, *network.shape), generator=torch.Generator().manual_seed(0)).double()
    options = (method, 64, 5, 0.0, positions)
    expected = _compare(a, b, inputs, *options)
    assert 0 < expected[0] < 1
    torch.testing.assert_close(_compare(a, b, inputs, *options, device=device), expected, rtol=0, atol=0)


def test_the_order_of_inputs_does_not_matter_to_the_exact_score(device: torch.device) -> None:
    a, b, inputs = _mlp([6, 11, 7, 3], 0), _mlp([6, 9, 8, 3], 1), _inputs(300, 6)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    scores = [_compare(a, b, some, "exact", device=device)[0] for some in (inputs, inputs[order])]
    assert scores[0] == scores[1]


def test_thread_count_does_not_matter() -> None:
    a, b, inputs = _mlp([8, 40, 50, 3], 0), _mlp([8, 50, 40, 3], 1), _inputs(2000, 8)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append([_compare(a, b, inputs, method) for method in ("exact", "minhash")])
    finally:
        torch.set_num_threads(threads)
    for one, two in zip(*results, strict=True):
        assert one[0] == two[0]
        assert torch.equal(one[1], two[1])
        assert all(torch.equal(x, y) for x, y in zip(one[2] + one[3], two[2] + two[3], strict=True))
