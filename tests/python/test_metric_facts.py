"""Metric facts and invariances of the design, as properties."""

import funcsim
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracle import matching, random_networks
from oracle.profile import examples
from random_bits import packed
from torch import nn

ops = torch.ops.funcsim
EPSILON = 1e-6  # similarities are float32


def _sets(units: int = 6, samples: int = 24) -> st.SearchStrategy[np.ndarray]:
    """Random sets, with small ones, equal ones and subsets made likely by hypothesis' own choices."""
    return hnp.arrays(bool, (units, samples))


def _assert_triangle(distance: np.ndarray) -> None:
    detour = (distance[:, :, None] + distance[None, :, :]).min(axis=1)
    assert (distance <= detour + EPSILON).all()


@given(x=_sets())
@examples(60)
def test_one_minus_jaccard_is_a_metric(x: np.ndarray) -> None:
    x[0] = False
    distance = 1 - ops.jaccard(packed(x), packed(x)).double().numpy()
    assert (distance >= 0).all()
    assert (distance <= 1).all()
    np.testing.assert_array_equal(distance, distance.T)
    np.testing.assert_array_equal(distance == 0, [[np.array_equal(a, b) for b in x] for a in x])
    _assert_triangle(distance)


@given(x=_sets(), num_hashes=st.sampled_from([1, 2, 8, 64]), seed=st.integers(-(2**63), 2**63 - 1))
@examples(60)
def test_the_sketch_distance_with_one_seed_is_a_pseudometric(x: np.ndarray, num_hashes: int, seed: int) -> None:
    sketch = ops.minhash(packed(x), x.shape[1], num_hashes, seed)
    distance = 1 - ops.minhash_jaccard(sketch, sketch).double().numpy()
    assert (distance >= 0).all()
    assert (distance <= 1).all()
    assert (distance.diagonal() == 0).all()
    np.testing.assert_array_equal(distance, distance.T)
    _assert_triangle(distance)


@given(values=hnp.arrays(np.int32, (6, 10), elements=st.sampled_from([0, 1, 2, 2**31 - 1])))
@examples(60)
def test_any_sketches_obey_the_triangle_inequality(values: np.ndarray) -> None:
    sketch = torch.from_numpy(values)
    _assert_triangle(1 - ops.minhash_jaccard(sketch, sketch).double().numpy())


@given(x=_sets(9, 16), cuts=st.tuples(st.integers(1, 8), st.integers(1, 8)))
@examples(40)
def test_one_minus_layer_score_is_a_metric(x: np.ndarray, cuts: tuple[int, int]) -> None:
    """Layers of any widths: a unit without a partner costs as much as one at distance 1."""
    low, high = min(cuts), max(cuts)
    layers = [packed(units) for units in (x[: low + 1], x[low : high + 1], x[high:])]
    samples = [16] * len(layers)
    distance = 1 - ops.layer_scores(layers, layers, samples, samples).numpy()
    np.testing.assert_allclose(distance, distance.T, atol=1e-12)
    assert (distance.diagonal() == 0).all()
    assert (distance >= 0).all()
    _assert_triangle(distance)


@given(x=_sets(), order=st.permutations(range(24)), negate=st.booleans())
@examples(30)
def test_jaccard_does_not_depend_on_the_order_of_samples(x: np.ndarray, order: list[int], negate: bool) -> None:
    x = ~x if negate else x
    assert torch.equal(ops.jaccard(packed(x), packed(x)), ops.jaccard(*[packed(x[:, order])] * 2))


@given(x=_sets(5), y=_sets(7), order=st.permutations(range(7)))
@examples(40)
def test_scores_lie_in_the_unit_interval_and_do_not_depend_on_the_order_of_units(
    x: np.ndarray, y: np.ndarray, order: list[int]
) -> None:
    a, b, c = [packed(x)], [packed(y)], [packed(y[order])]
    for similarity, low in (("jaccard", 0), ("phi", -1)):
        score = ops.layer_scores(a, b, [24], [24], similarity)
        assert low <= score.item() <= 1
        assert torch.equal(score, ops.layer_scores(a, c, [24], [24], similarity))
        assert torch.equal(score, ops.layer_scores(b, a, [24], [24], similarity).t())
        assert ops.layer_scores(b, c, [24], [24], similarity).item() == 1


@given(x=_sets(4), y=_sets(6))
@examples(30)
def test_a_layer_inside_a_wider_one_is_covered(x: np.ndarray, y: np.ndarray) -> None:
    wide = packed(np.concatenate([y, x]))
    result = ops.compare_layers([packed(x)], [wide], [wide], [24], [24])
    assert result[6][0].double().sum() / 4 == 1  # coverage of the narrow one
    assert result[1].item() == pytest.approx(0.4)


@given(x=_sets(6), y=_sets(6), share=st.integers(0, 6))
@examples(30)
def test_dead_units_count_as_equal(x: np.ndarray, y: np.ndarray, share: int) -> None:
    x[:share], y[6 - share :] = False, False
    score = ops.layer_scores([packed(x)], [packed(y)], [24], [24]).item()
    assert score >= share / 6 - 1e-12


@given(seed=st.integers(0, 2**32 - 1), widths=st.tuples(st.integers(1, 12), st.integers(1, 12)))
@examples(15)
def test_model_level_facts(seed: int, widths: tuple[int, int]) -> None:
    """Adjusted, coverage and their symmetry, as compare reports them."""
    torch.manual_seed(seed % 2**31)
    a, b = (nn.Sequential(nn.Linear(4, w), nn.ReLU(), nn.Linear(w, 5), nn.Tanh(), nn.Linear(5, 2)) for w in widths)
    inputs = torch.randn(150, 4)
    one, two = funcsim.compare(a, b, inputs), funcsim.compare(b, a, inputs)
    assert 0 <= one.score <= 1
    assert 0 <= one.chance <= 1
    assert one.adjusted == pytest.approx(matching.adjusted(one.score, one.chance))
    assert (one.score, one.chance) == pytest.approx((two.score, two.chance), rel=1e-12)
    for ab, ba in zip(one.layers, two.layers, strict=True):
        assert (ab.coverage_a, ab.coverage_b) == pytest.approx((ba.coverage_b, ba.coverage_a), rel=1e-12)
        assert ab.score == pytest.approx(min(ab.coverage_a, ab.coverage_b))
        assert ab.adjusted == pytest.approx(matching.adjusted(ab.score, ab.chance))
    same = funcsim.compare(a, a, inputs)
    assert same.score == same.adjusted == 1


@given(seed=st.integers(0, 2**32 - 1))
@examples(10)
def test_unrelated_signatures_are_at_chance(seed: int) -> None:
    """Random sets that know nothing of each other: the adjusted score is near 0."""
    rng = np.random.default_rng(seed)
    a, b = (packed(rng.random((40, 4000)) < 0.4) for _ in range(2))
    shuffled = ops.shuffle_samples(b, 4000, 1, seed)
    network = ops.compare_layers([a], [b], [shuffled], [4000], [4000])[4]
    assert abs(matching.adjusted(network[0].item(), network[1].item())) < 0.01


@given(seed=st.integers(0, 2**32 - 1))
@examples(10)
def test_random_networks_compare_with_themselves_at_one_and_with_others_in_range(seed: int) -> None:
    a, inputs = random_networks.random_mlp(seed, inputs=5)
    b, _ = random_networks.random_mlp(seed + 1, inputs=5)
    assert funcsim.compare(a, a, inputs).score == 1
    assert 0 <= funcsim.compare(a, b, inputs).score <= 1
