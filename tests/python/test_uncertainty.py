"""compare's cka, interval and shuffles, and layer_similarity's CKA, against the oracle."""

import copy
import itertools
import json
from typing import Any

import funcsim
import numpy as np
import pytest
import torch
from oracle import cka, hashing, hooks, networks, resampling
from torch import Tensor, nn


def _network(*widths: int, seed: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        modules += [nn.Linear(before, after), nn.ReLU()]
    model = nn.Sequential(*modules[:-1]).double()
    networks.make_integer_valued(model, torch.Generator().manual_seed(seed))
    return model


def _inputs(count: int, seed: int = 0) -> Tensor:
    return torch.randint(-4, 5, (count, 5), generator=torch.Generator().manual_seed(seed)).double()


A, B = _network(5, 7, 6, 8, 3, seed=1), _network(5, 9, 6, 3, seed=2)
INPUTS = _inputs(300)


def _bits(model: nn.Sequential, inputs: Tensor = INPUTS) -> list[np.ndarray]:
    return [(z[:, 0] > 0).T for z in hooks.preactivations(model, inputs)]


def _matches(layer: funcsim.LayerComparison) -> np.ndarray:
    partners = np.full(layer.units_a, -1)
    partners[layer.matches[:, 0]] = layer.matches[:, 1]
    return partners


@pytest.mark.parametrize("similarity", ["jaccard", "phi"])
def test_intervals_reach_as_far_as_the_oracles_replicates(similarity: str) -> None:
    pairs = [(0, 0), (2, 1)]
    got = funcsim.compare(A, B, INPUTS, similarity=similarity, layers=pairs, interval=0.8, seed=-4)
    replicates = np.array(
        [
            [
                resampling.bootstrap_score(x, y, _matches(layer), 300, -4, replicate, similarity)
                for x, y, layer in zip(
                    (_bits(A)[i] for i, _ in pairs), (_bits(B)[j] for _, j in pairs), got.layers, strict=True
                )
            ]
            for replicate in range(1000)
        ]
    )

    def interval(score: float, its: np.ndarray) -> tuple[float, float]:
        reach = np.quantile(np.abs(its - its.mean()), 0.8)
        return max(score - reach, -1 if similarity == "phi" else 0), min(score + reach, 1)

    for p, layer in enumerate(got.layers):
        assert layer.interval == pytest.approx(interval(layer.score, replicates[:, p]), abs=1e-6)
    # max(7, 9), max(8, 6), and the layer of 6 units of a that has no partner.
    network = replicates @ np.array([9, 8]) / (9 + 8 + 6)
    assert got.interval == pytest.approx(interval(got.score, network), abs=1e-6)


def test_p_values_count_the_oracles_shuffles() -> None:
    pairs, shuffles = [(0, 0), (2, 1)], 19
    got = funcsim.compare(A, B, INPUTS, layers=pairs, shuffles=shuffles, seed=3)
    nulls = np.array(
        [[resampling.shuffled_score(_bits(A)[i], _bits(B)[j], 300, 3, r) for i, j in pairs] for r in range(shuffles)]
    )
    for p, layer in enumerate(got.layers):
        assert layer.p_value == (1 + np.sum(nulls[:, p] >= layer.score)) / 20
    assert got.p_value == (1 + np.sum(nulls @ np.array([9, 8]) / 23 >= got.score)) / 20


def test_cka_is_that_of_gram_matrices() -> None:
    pairs = [(0, 0), (2, 1)]
    got = funcsim.compare(A, B, INPUTS, layers=pairs, cka=True)
    for layer, (i, j) in zip(got.layers, pairs, strict=True):
        assert layer.cka == pytest.approx(cka.linear_cka(_bits(A)[i], _bits(B)[j]))
        assert layer.cka_debiased == pytest.approx(cka.linear_cka(_bits(A)[i], _bits(B)[j], debiased=True))


@pytest.mark.parametrize("debiased", [False, True])
def test_layer_similarity_by_cka(debiased: bool) -> None:
    similarity = "cka_debiased" if debiased else "cka"
    got = funcsim.layer_similarity(A, B, INPUTS, similarity=similarity, seed=5)
    shuffled = [hashing.shuffle(y, 300, 1, 5) for y in _bits(B)]
    for matrix, others in ((got.scores, _bits(B)), (got.chances, shuffled)):
        expected = [[cka.linear_cka(x, y, debiased) for y in others] for x in _bits(A)]
        np.testing.assert_allclose(matrix, expected, atol=1e-11)
    np.testing.assert_allclose(got.adjusted, (got.scores - got.chances) / (1 - got.chances))
    assert (got.method, got.similarity) == ("exact", similarity)
    assert f"(exact, {similarity})" in str(got)


def test_a_network_and_itself() -> None:
    got = funcsim.compare(A, A, INPUTS, cka=True, interval=0.95, shuffles=9)
    assert got.interval == (1.0, 1.0)
    assert got.p_value == 0.1
    for layer in got.layers:
        assert (layer.cka, layer.cka_debiased, layer.interval, layer.p_value) == (1.0, 1.0, (1.0, 1.0), 0.1)


def test_shuffles_that_score_the_same_count() -> None:
    """Dead units stay dead."""
    dead = _network(5, 4, 3, seed=0)
    with torch.no_grad():
        dead[0].weight.zero_()
        dead[0].bias.fill_(-1)
    got = funcsim.compare(dead, dead, INPUTS, shuffles=9)
    assert (got.score, got.p_value, got.layers[0].p_value) == (1, 1, 1)


def test_intervals_stay_on_the_scale() -> None:
    other = copy.deepcopy(A)
    with torch.no_grad():
        other[0].bias[0] += 1  # one unit that fires a little more often
    got = funcsim.compare(A, other, INPUTS[:50], interval=0.9999)
    assert got.interval is not None
    assert 0 < got.interval[0] < got.score < got.interval[1] <= 1
    assert got.layers[0].interval is not None
    assert max(high for layer in got.layers if layer.interval for high in layer.interval) == 1
    unrelated = funcsim.compare(A, B, INPUTS[:2], interval=0.9999)
    assert all(low >= 0 and high <= 1 for layer in unrelated.layers if layer.interval for low, high in [layer.interval])


def test_what_was_not_asked_for_is_none() -> None:
    plain = funcsim.compare(A, B, INPUTS)
    assert (plain.interval, plain.p_value) == (None, None)
    for layer in plain.layers:
        assert (layer.cka, layer.cka_debiased, layer.interval, layer.p_value) == (None, None, None, None)
    asked = funcsim.compare(A, B, INPUTS, cka=True, interval=0.9, shuffles=3)
    assert (asked.score, asked.chance) == (plain.score, plain.chance)
    assert plain.method == asked.method == "exact"


def test_too_few_samples_for_the_debiased_estimate() -> None:
    (layer, _) = funcsim.compare(A, B, INPUTS[:3], cka=True).layers
    assert layer.cka is not None
    assert layer.cka_debiased is None


def test_do_not_depend_on_batches() -> None:
    options: dict[str, Any] = {"cka": True, "interval": 0.9, "shuffles": 5}
    whole = funcsim.compare(A, B, INPUTS, **options)
    assert funcsim.compare(A, B, INPUTS.split(70), **options).to_json() == whole.to_json()


@pytest.mark.parametrize(
    ("options", "what"),
    [({"cka": True}, "cka"), ({"interval": 0.9}, "interval"), ({"shuffles": 3}, "shuffles")],
)
def test_take_signatures(options: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=f'{what} needs exact signatures, got method "minhash"'):
        funcsim.compare(A, B, INPUTS, method="minhash", **options)
    sketch = funcsim.sketch(B, INPUTS)
    for method in ("auto", "exact"):
        with pytest.raises(ValueError, match=f"{what} needs signatures, and network b is a sketch"):
            funcsim.compare(A, sketch, INPUTS, method=method, **options)
    # Not for long signatures either.
    assert funcsim.compare(A, B, _inputs(100), num_hashes=1, **options).method == "exact"
    assert funcsim.compare(A, B, _inputs(100), num_hashes=1).method == "minhash"


@pytest.mark.parametrize("similarity", ["cka", "cka_debiased"])
def test_cka_of_layers_takes_signatures(similarity: str) -> None:
    with pytest.raises(ValueError, match=f'similarity "{similarity}" needs exact signatures, got method "minhash"'):
        funcsim.layer_similarity(A, B, INPUTS, similarity=similarity, method="minhash")
    with pytest.raises(ValueError, match=f'similarity "{similarity}" needs signatures, and network a is a sketch'):
        funcsim.layer_similarity(funcsim.sketch(A, INPUTS), B, INPUTS, similarity=similarity)
    with pytest.raises(ValueError, match=f'similarity must be "jaccard" or "phi", got \'{similarity}\''):
        funcsim.compare(A, B, INPUTS, similarity=similarity)
    with pytest.raises(ValueError, match='similarity must be "jaccard", "phi", "cka" or "cka_debiased", got'):
        funcsim.layer_similarity(A, B, INPUTS, similarity="cosine")


def test_cka_of_layers_takes_equally_many_samples() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 9, 4), nn.ReLU(), nn.Linear(4, 2))
    images = torch.randn(20, 1, 5, 5)
    with pytest.raises(ValueError, match=r'got 320 and 20 in all; positions="any"'):
        funcsim.layer_similarity(model, model, images, similarity="cka")
    assert funcsim.layer_similarity(model, model, images, similarity="cka", positions="any").scores[0, 0] == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"cka": 1}, TypeError, "cka must be True or False, got 1"),
        (
            {"interval": True},
            TypeError,
            "interval must be None or a confidence between 0 and 1, such as 0.95, got True",
        ),
        ({"interval": "0.9"}, TypeError, "interval must be None or a confidence"),
        ({"interval": 1.0}, ValueError, "between 0 and 1, such as 0.95, got 1.0"),
        ({"interval": 0}, ValueError, "between 0 and 1, such as 0.95, got 0.0"),
        ({"interval": float("nan")}, ValueError, "between 0 and 1, such as 0.95, got nan"),
        ({"shuffles": 1.5}, TypeError, "shuffles must be an integer, got 1.5"),
        ({"shuffles": -1}, ValueError, "shuffles must be from 0 to 16777216, got -1"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        funcsim.compare(A, B, INPUTS, **options)


def test_an_interval_takes_two_inputs() -> None:
    with pytest.raises(ValueError, match="at least 2 inputs to draw from, got 1"):
        funcsim.compare(A, B, INPUTS[:1], interval=0.9)


def test_prints_and_writes_what_was_asked_for() -> None:
    got = funcsim.compare(A, B, INPUTS, cka=True, interval=0.9, shuffles=3)
    head, headings, first, *_ = str(got).splitlines()
    assert got.interval is not None
    low, high = got.interval
    assert f", interval {low:.4f} to {high:.4f}, chance" in head
    assert f", p-value {got.p_value:.3g}, adjusted" in head
    assert headings.split()[-4:] == ["interval", "p-value", "CKA", "debiased"]
    layer = got.layers[0]
    assert layer.interval is not None
    expected = [f"{layer.interval[0]:.4f}", "to", f"{layer.interval[1]:.4f}", f"{layer.p_value:.3g}"]
    assert first.split()[-6:] == [*expected, f"{layer.cka:.4f}", f"{layer.cka_debiased:.4f}"]
    read = json.loads(got.to_json())
    assert read["interval"] == [low, high]
    assert read["layers"][0]["interval"] == list(layer.interval)
    assert read["layers"][0]["cka"] == layer.cka


def _random_network(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 3))


def test_intervals_hold_the_mean_score_of_other_inputs() -> None:
    """90 % of them, give or take what 120 trials leave open."""
    a, b = _random_network(1), _random_network(2)
    scores, intervals = [], []
    for seed in range(120):
        inputs = torch.randn(500, 8, generator=torch.Generator().manual_seed(seed))
        comparison = funcsim.compare(a, b, inputs, interval=0.9, seed=seed)
        scores.append(comparison.score)
        intervals.append(comparison.interval)
    mean = np.mean(scores)
    share = np.mean([low <= mean <= high for low, high in intervals if (low, high)])
    assert 0.80 <= share <= 0.98


def test_p_values_of_unrelated_bits_are_uniform() -> None:
    """Networks that look at independent halves of the inputs are alike by chance only."""
    p_values = []
    for seed in range(100):
        a, b = _random_network(2 * seed), _random_network(2 * seed + 1)
        for network, unread in ((a, slice(0, 4)), (b, slice(4, 8))):
            with torch.no_grad():
                network[0].weight[:, unread] = 0
        inputs = torch.randn(60, 8, generator=torch.Generator().manual_seed(seed))
        p_values.append(funcsim.compare(a, b, inputs, shuffles=19, seed=seed).p_value)
    # Multiples of 1/20, each as likely as the others: mean 0.525 with a standard deviation of 0.029 of the mean.
    assert np.mean(p_values) == pytest.approx(0.525, abs=0.09)
    assert 0 < np.mean(np.array(p_values) <= 0.1) < 0.25
    related = funcsim.compare(_random_network(1), _random_network(1), torch.randn(60, 8), shuffles=19)
    assert related.p_value == 0.05
