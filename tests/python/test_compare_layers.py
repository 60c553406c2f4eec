"""compare_layers and layer_scores: matching, pairing, chance and standard errors against the oracle."""

from collections.abc import Callable
from typing import Any

import devices
import funcsim  # noqa: F401  # registers the operators
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import bits, matching
from oracle.profile import examples
from random_bits import LAYOUTS, packed, random_bits, view_of

ops = torch.ops.funcsim
SIMILARITY = {"jaccard": bits.jaccard, "phi": bits.phi}


def _random_layers(widths: list[int], samples: list[int], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    layers = []
    for width, count in zip(widths, samples, strict=True):
        common = np.random.default_rng(0).random((14, count)) < 0.4  # what layers of different networks share
        units = common[:width] ^ (rng.random((width, count)) < rng.choice([0.05, 0.3]))
        units[rng.random(width) < 0.15] = False
        layers.append(units[rng.permutation(width)])
    return layers


def _tensors(layers: list[np.ndarray]) -> list[torch.Tensor]:
    return [torch.from_numpy(bits.pack_bits(layer)) for layer in layers]


def _shuffled(layers: list[np.ndarray]) -> list[np.ndarray]:
    order = np.random.default_rng(1).permutation(layers[0].shape[1])
    return [layer[:, order] if layer.shape[1] == len(order) else layer[:, ::-1] for layer in layers]


def _compare(a: list[np.ndarray], b: list[np.ndarray], *args: object, device: torch.device | str = "cpu") -> tuple:
    """On a device too: its results are the CPU's to the last bit, which are then compared with the oracle."""
    shuffled = [np.ascontiguousarray(layer) for layer in _shuffled(b)]
    samples_a, samples_b = [x.shape[1] for x in a], [y.shape[1] for y in b]
    return _same_on(
        device, ops.compare_layers, _tensors(a), _tensors(b), _tensors(shuffled), samples_a, samples_b, *args
    )


def _same_on(device: torch.device | str, operator: Callable, *arguments: object) -> Any:
    result, expected = operator(*devices.moved(arguments, device)), operator(*arguments)
    for one in [result] if isinstance(result, torch.Tensor) else [*result[:5], *result[5], *result[6]]:
        assert one.device == torch.device(device)
    torch.testing.assert_close(devices.moved(result, "cpu"), expected, rtol=0, atol=0)
    return expected


def _assert_matches(matches: torch.Tensor, similarities: torch.Tensor, expected: np.ndarray) -> None:
    """One-to-one, of full size, with the similarities of the matrix, and optimal."""
    units_a, units_b = expected.shape
    assert matches.dtype == torch.int64
    assert similarities.dtype == torch.float32
    assert matches.shape == similarities.shape == (units_a,)
    matched = (matches >= 0).nonzero().flatten()
    assert (matches[matches < 0] == -1).all()
    assert len(matched) == len(set(matches[matched].tolist())) == min(units_a, units_b)
    found = expected[matched.numpy(), matches[matched].numpy()]
    np.testing.assert_allclose(similarities[matched].numpy(), found, rtol=1e-6, atol=1e-7)
    assert (similarities[matches < 0] == 0).all()
    assert found.sum() == pytest.approx(matching.best_total(expected), abs=1e-5)


@pytest.mark.parametrize("similarity", SIMILARITY)
@given(
    widths=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=3),
    samples=st.integers(1, 200),
    seed=st.integers(0, 2**32 - 1),
)
@examples(20)
def test_equal_depths_pair_in_order(
    device: torch.device, similarity: str, widths: list[tuple[int, int]], samples: int, seed: int
) -> None:
    a = _random_layers([width for width, _ in widths], [samples] * len(widths), seed)
    b = _random_layers([width for _, width in widths], [samples] * len(widths), seed + 1)
    pairs, scores, chances, errors, network, matches, similarities = _compare(a, b, similarity, device=device)
    assert pairs.tolist() == [[i, i] for i in range(len(widths))]
    assert scores.dtype == chances.dtype == errors.dtype == network.dtype == torch.float64
    matrices = [SIMILARITY[similarity](x, y) for x, y in zip(a, b, strict=True)]
    shuffled = [SIMILARITY[similarity](x, y) for x, y in zip(a, _shuffled(b), strict=True)]
    expected, chance = matching.network_score(matrices), matching.network_score(shuffled)
    np.testing.assert_allclose(scores, expected.layers, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(chances, chance.layers, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(network, [expected.network, chance.network, 0], rtol=1e-6, atol=1e-7)
    assert (errors == 0).all()
    for match, value, matrix in zip(matches, similarities, matrices, strict=True):
        _assert_matches(match, value, matrix)


@given(
    widths_a=st.lists(st.integers(1, 10), min_size=1, max_size=4),
    widths_b=st.lists(st.integers(1, 10), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
@examples(40)
def test_unequal_depths_pair_for_the_largest_sum(
    device: torch.device, widths_a: list[int], widths_b: list[int], seed: int
) -> None:
    a = _random_layers(widths_a, [120] * len(widths_a), seed)
    b = _random_layers(widths_b, [120] * len(widths_b), seed + 1)
    pairs, scores, _, _, network, matches, _ = _compare(a, b, device=device)
    table = np.array([[matching.layer_score(bits.jaccard(x, y)) for y in b] for x in a])
    got = _same_on(device, ops.layer_scores, _tensors(a), _tensors(b), [120] * len(a), [120] * len(b))
    assert got.dtype == torch.float64
    np.testing.assert_allclose(got, table, rtol=1e-6)
    if len(a) == len(b):
        assert pairs.tolist() == [[i, i] for i in range(len(a))]
    else:
        assert scores.sum().item() == pytest.approx(matching.best_pairing_sum(table), rel=1e-6)
    i, j = pairs[:, 0], pairs[:, 1]
    assert (i.diff() > 0).all()
    assert (j.diff() > 0).all()
    np.testing.assert_allclose(scores, table[i, j], rtol=1e-6)
    left = [w for k, w in enumerate(widths_a) if k not in i] + [w for k, w in enumerate(widths_b) if k not in j]
    weights = [max(widths_a[k], widths_b[m]) for k, m in pairs.tolist()]
    expected = sum(s * w for s, w in zip(scores.tolist(), weights, strict=True)) / (sum(weights) + sum(left))
    assert network[0].item() == pytest.approx(expected, rel=1e-9)
    assert len(matches) == len(pairs)


def test_given_pairs_are_used(device: torch.device) -> None:
    a, b = _random_layers([4, 6, 5], [90] * 3, 1), _random_layers([6, 3, 7], [90] * 3, 2)
    pairs, scores, _, _, network, matches, _ = _compare(a, b, "jaccard", [0, 1, 2, 2], device=device)
    assert pairs.tolist() == [[0, 1], [2, 2]]
    expected = matching.network_score([bits.jaccard(a[0], b[1]), bits.jaccard(a[2], b[2])], [6, 6])
    np.testing.assert_allclose(scores, expected.layers, rtol=1e-6)
    assert network[0].item() == pytest.approx(expected.network, rel=1e-6)
    assert [len(match) for match in matches] == [4, 5]


def test_layers_with_other_numbers_of_samples_are_passed_over_when_depths_differ(device: torch.device) -> None:
    a = _random_layers([4, 4], [80, 40], 1)
    b = _random_layers([4, 4, 4], [40, 80, 40], 2)
    pairs = _compare(a, b, device=device)[0]
    assert pairs.tolist() in ([[0, 1], [1, 2]], [[1, 0]], [[1, 2]])
    assert pairs.tolist() == [[0, 1], [1, 2]]


def test_layers_of_one_pair_with_other_numbers_of_samples_are_refused() -> None:
    a, b = _random_layers([4], [80], 1), _random_layers([4], [40], 2)
    with pytest.raises(RuntimeError, match="any") as error:
        _compare(a, b)
    assert "80" in str(error.value)
    assert "40" in str(error.value)


@given(seed=st.integers(0, 2**32 - 1), widths=st.tuples(st.integers(1, 12), st.integers(1, 12)))
@examples(20)
def test_swapping_transposes(seed: int, widths: tuple[int, int]) -> None:
    a, b = _random_layers([widths[0]], [100], seed), _random_layers([widths[1]], [100], seed + 1)
    one, two = _compare(a, b), _compare(b, a)
    assert torch.equal(one[1], two[1])
    assert torch.equal(one[4][:1], two[4][:1])
    total_ab, total_ba = one[6][0].double().sum().item(), two[6][0].double().sum().item()
    assert total_ab == pytest.approx(total_ba, rel=1e-12)  # so coverage_a and coverage_b change places


@pytest.mark.parametrize("similarity", SIMILARITY)
def test_self_is_exactly_one(device: torch.device, similarity: str) -> None:
    a = _random_layers([14, 9], [333] * 2, 3)
    a[0][5], a[0][6] = False, True
    _, scores, _, _, network, matches, _ = _compare(a, a, similarity, device=device)
    assert (scores == 1).all()
    assert network[0] == 1
    assert all(len(set(match.tolist())) == len(match) for match in matches)


@given(seed=st.integers(0, 2**32 - 1), num_hashes=st.sampled_from([16, 128]))
@examples(20)
def test_sketches_and_their_standard_error(device: torch.device, seed: int, num_hashes: int) -> None:
    a, b = _random_layers([7, 5], [400] * 2, seed), _random_layers([6, 8], [400] * 2, seed + 1)
    sketch = [[ops.minhash(t, 400, num_hashes) for t in _tensors(x)] for x in (a, b, _shuffled(b))]
    pairs, scores, chances, errors, network, matches, similarities = _same_on(
        device, ops.compare_layers, *sketch, [400] * 2, [400] * 2
    )
    assert pairs.tolist() == [[0, 0], [1, 1]]
    matrices = [bits.minhash_jaccard(x.numpy(), y.numpy()) for x, y in zip(sketch[0], sketch[1], strict=True)]
    shuffled = [bits.minhash_jaccard(x.numpy(), y.numpy()) for x, y in zip(sketch[0], sketch[2], strict=True)]
    expected, chance = matching.network_score(matrices), matching.network_score(shuffled)
    np.testing.assert_allclose(scores, expected.layers, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(chances, chance.layers, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(network[:2], [expected.network, chance.network], rtol=1e-6, atol=1e-7)
    all_pairs: list[tuple[np.ndarray, np.ndarray]] = []
    all_weights: list[float] = []
    for layer, (match, matrix) in enumerate(zip(matches, matrices, strict=True)):
        _assert_matches(match, similarities[layer], matrix)
        x, y = sketch[0][layer].numpy(), sketch[1][layer].numpy()
        matched = [(x[i], y[j]) for i, j in enumerate(match.tolist()) if j >= 0]
        error = matching.standard_error(matched, [1 / max(matrix.shape)] * len(matched))
        assert errors[layer].item() == pytest.approx(error, rel=1e-6, abs=1e-12)
        all_pairs += matched
        all_weights += [1 / sum(max(m.shape) for m in matrices)] * len(matched)
    assert network[2].item() == pytest.approx(matching.standard_error(all_pairs, all_weights), rel=1e-6, abs=1e-12)


def test_estimates_are_within_their_standard_errors() -> None:
    """With one unit a layer nothing is picked, so the score is unbiased and its error can be measured."""
    common = np.random.default_rng(0).random((1, 5000)) < 0.3
    a, b = common, common ^ (np.random.default_rng(1).random((1, 5000)) < 0.1)
    exact = bits.jaccard(a, b)[0, 0]
    deviations = []
    for seed in range(200):
        x, y = (ops.minhash(torch.from_numpy(bits.pack_bits(units)), 5000, 128, seed) for units in (a, b))
        _, scores, _, errors, _, _, _ = ops.compare_layers([x], [y], [y], [5000], [5000])
        deviations.append((scores[0].item() - exact) / errors[0].item())
    assert 0.8 < np.std(deviations) < 1.2
    assert abs(np.mean(deviations)) < 4 / np.sqrt(200)


@pytest.mark.parametrize("similarity", SIMILARITY)
@pytest.mark.parametrize("samples_per_input", [1, 3, 8])
def test_partners_are_a_shuffle_of_each_layer(device: torch.device, similarity: str, samples_per_input: int) -> None:
    inputs = 50
    samples = inputs * samples_per_input
    a, b = _random_layers([9, 5], [samples] * 2, 3), _random_layers([7, 6], [samples] * 2, 4)
    partners = ops.shuffle_partners(torch.zeros(inputs), 5)
    shuffled = [ops.shuffle_samples(rows, inputs, samples_per_input, 5) for rows in _tensors(b)]
    counts = ([samples] * 2, [samples] * 2)
    expected = ops.compare_layers(_tensors(a), _tensors(b), shuffled, *counts, similarity)
    result = _same_on(device, ops.compare_layers, _tensors(a), _tensors(b), [], *counts, similarity, [], partners)
    for one, other in zip(result[:5], expected[:5], strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(result[1], result[2])
    scores = ops.layer_scores(_tensors(a), shuffled, *counts, similarity)
    got = _same_on(device, ops.layer_scores, _tensors(a), _tensors(b), *counts, similarity, partners)
    assert torch.equal(got, scores)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(device: torch.device, layout: str) -> None:
    square = packed(random_bits(48, 48 * 8, 3))
    samples = [8 * view_of(square, layout).shape[1]]
    for similarity in SIMILARITY:
        views = [view_of(memory.to(device), layout) for memory in (square, square.roll(1, 0), square.flip(0))]
        arguments = [[view] for view in views]
        got = ops.compare_layers(*arguments, samples, samples, similarity)
        contiguous = [[view.cpu().contiguous()] for view in views]
        expected = ops.compare_layers(*contiguous, samples, samples, similarity)
        torch.testing.assert_close(devices.moved(got, "cpu"), expected, rtol=0, atol=0)


WIDE = [(150, 1000), (7, 1000), (64, 77)], [(130, 1000), (90, 1000), (63, 77)]


@pytest.mark.parametrize("similarity", SIMILARITY)
def test_wide_layers_as_on_the_cpu(device: torch.device, similarity: str) -> None:
    a, b = ([random_bits(*shape, seed) for shape in shapes] for seed, shapes in enumerate(WIDE))
    _compare(a, b, similarity, device=device)
    _compare(a, b[:2], similarity, device=device)
