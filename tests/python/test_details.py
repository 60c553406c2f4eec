"""What comparisons tell beside scores: counts, duplicates, settings, similarities under chance, all pairs of layers."""

import copy
import json
from typing import Any

import devices
import funcsim
import numpy as np
import pytest
import torch
from funcsim import details as details_module
from funcsim.settings import Settings
from oracle import bits, hashing, hooks
from report_examples import networks
from scipy.optimize import linear_sum_assignment
from torch import nn


def _bits(model: nn.Sequential, inputs: torch.Tensor) -> list[np.ndarray]:
    return [(z[:, 0] > 0).T for z in hooks.preactivations(model, inputs)]


def _compare(device: torch.device, **options: Any) -> funcsim.Comparison:
    a, b, inputs = networks()
    return funcsim.compare(
        *(copy.deepcopy(model).to(device) for model in (a, b)), devices.moved(inputs, device), **options
    )


def test_counts_and_duplicates_are_those_of_the_bits(device: torch.device) -> None:
    a, b, inputs = networks()
    comparison = _compare(device)
    for place, layer in enumerate(comparison.layers):
        for network, model in (("a", a), ("b", b)):
            fires = _bits(model, inputs)[place]
            assert getattr(layer, f"counts_{network}").tolist() == fires.sum(1).tolist()
            expected = []
            for unit, row in enumerate(fires):
                earlier = [other for other in range(unit) if (fires[other] == row).all()]
                expected.append(earlier[0] if earlier and row.any() and not row.all() else -1)
            assert getattr(layer, f"duplicate_of_{network}").tolist() == expected
    assert comparison.layers[1].duplicate_of_a[9] == 8


def test_duplicates_name_the_first_of_their_group() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 2))
    with torch.no_grad():
        for unit in (3, 5):
            model[0].weight[unit], model[0].bias[unit] = model[0].weight[1], model[0].bias[1]
        model[0].bias[[0, 4]] = 50.0  # always on: equal, and not duplicates
    (layer,) = funcsim.compare(model, model, torch.randn(200, 5)).layers
    assert layer.duplicate_of_a.tolist() == [-1, -1, -1, 1, -1, 1]
    assert (layer.duplicates_a, layer.always_on_a) == (2, 2)


def test_settings_and_versions_are_kept() -> None:
    options: dict[str, Any] = {"num_hashes": 64, "seed": 7, "margin": 0.25, "positions": "any"}
    for method in ("exact", "minhash"):
        comparison = _compare(torch.device("cpu"), method=method, **options)
        assert comparison.settings == Settings(**options)
        assert comparison.versions == {"funcsim": funcsim.__version__, "torch": torch.__version__}
    a, b, inputs = networks()
    sketches = [funcsim.sketch(model, inputs, **options) for model in (a, b)]
    assert funcsim.compare(*sketches).settings == Settings(**options)
    assert funcsim.compare(sketches[0], b, inputs).settings == Settings(**options)


def test_time_is_measured_and_not_part_of_the_dict() -> None:
    one, other = _compare(torch.device("cpu")), _compare(torch.device("cpu"))
    assert one.seconds is not None
    assert 0 < one.seconds < 600
    assert one.to_dict() == other.to_dict()
    assert "seconds" not in one.to_dict()


@pytest.mark.parametrize("similarity", ["jaccard", "phi"])
def test_similarities_under_chance_are_those_of_the_best_assignment(device: torch.device, similarity: str) -> None:
    a, b, inputs = networks()
    comparison = _compare(device, similarity=similarity, seed=3, details=True)
    for place, layer in enumerate(comparison.layers):
        shuffled = hashing.shuffle(_bits(b, inputs)[place], len(inputs), 1, 3)
        matrix = getattr(bits, similarity)(_bits(a, inputs)[place], shuffled)
        expected = matrix[linear_sum_assignment(matrix, maximize=True)]
        got = layer.chance_similarities
        assert got is not None
        assert (got.dtype, got.device.type) == (torch.float32, "cpu")
        assert len(got) == len(layer.similarities)
        assert got.double().sum().item() == pytest.approx(expected.sum(), abs=1e-5)
        np.testing.assert_allclose(np.sort(got.numpy()), np.sort(expected), atol=1e-6)
        assert got.double().sum().item() / max(layer.units_a, layer.units_b) == pytest.approx(layer.chance, abs=1e-12)


@pytest.mark.parametrize("as_sketches", [False, True])
def test_similarities_under_chance_of_sketches(as_sketches: bool) -> None:
    a, b, inputs = networks()
    if as_sketches:
        a, b = (funcsim.sketch(model, inputs, num_hashes=128) for model in (a, b))
        comparison = funcsim.compare(a, b)
    else:
        comparison = funcsim.compare(a, b, inputs, num_hashes=128, method="minhash")
    for layer in comparison.layers:
        got = layer.chance_similarities
        assert got is not None
        assert got.double().sum().item() / max(layer.units_a, layer.units_b) == pytest.approx(layer.chance, abs=1e-12)


def test_pairs_out_of_order_keep_their_own_chance() -> None:
    torch.manual_seed(0)
    a, b = (nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 2)) for _ in range(2))
    comparison = funcsim.compare(a, b, torch.randn(300, 6), layers=[(1, 0), (0, 1)])
    assert [(layer.name_a, layer.name_b) for layer in comparison.layers] == [("0", "2"), ("2", "0")]
    for layer in comparison.layers:
        assert layer.chance_similarities is not None
        assert layer.chance_similarities.double().sum().item() / 9 == pytest.approx(layer.chance, abs=1e-12)


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_all_layers_are_what_layer_similarity_says(device: torch.device, method: str) -> None:
    a, b, inputs = networks()
    got = _compare(device, method=method).layer_similarity
    expected = funcsim.layer_similarity(a.to(device), b.to(device), inputs.to(device), method=method)
    assert got is not None
    assert (got.names_a, got.names_b, got.method, got.similarity) == (("0", "2"), ("0", "2"), method, "jaccard")
    for name in ("scores", "chances", "adjusted"):
        assert torch.equal(getattr(got, name), getattr(expected, name))


def test_layers_with_other_numbers_of_samples_have_no_score_and_null_in_json() -> None:
    torch.manual_seed(0)
    a, b = (
        nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.ReLU(),
            nn.Conv2d(4, 5, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(80, 6),
            nn.ReLU(),
            nn.Linear(6, 2),
        )
        for _ in range(2)
    )
    images = torch.randn(50, 1, 8, 8)
    comparison = funcsim.compare(a, b, images)
    matrix = comparison.layer_similarity
    assert matrix is not None
    compared = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    for numbers in (matrix.scores, matrix.chances, matrix.adjusted):
        assert torch.equal(~numbers.isnan(), compared)
    for place, layer in enumerate(comparison.layers):
        assert matrix.scores[place, place].item() == pytest.approx(layer.score, abs=1e-12)
        assert matrix.chances[place, place].item() == pytest.approx(layer.chance, abs=1e-12)
    written = json.loads(comparison.to_json())["layer_similarity"]["adjusted"]
    assert [[value is not None for value in row] for row in written] == compared.tolist()
    with pytest.raises(RuntimeError, match="samples"):  # asked for all of it, it can't be had
        funcsim.layer_similarity(a, b, images)


def test_details_are_had_or_left_out_as_asked() -> None:
    for wanted in (True, False):
        comparison = _compare(torch.device("cpu"), details=wanted)
        assert (comparison.layer_similarity is not None) is wanted
        for layer in comparison.layers:
            assert (layer.chance_similarities is not None) is wanted
    without = _compare(torch.device("cpu"), details=False)
    assert str(without) == str(_compare(torch.device("cpu"), details=True))


def test_details_are_left_out_where_they_would_cost_much(monkeypatch: pytest.MonkeyPatch) -> None:
    # 600 samples in 75 bytes; the pairs are 24 x 30 and 16 x 16, all layers add 24 x 16 and 16 x 30.
    bits_compared = 600 + details_module.MATCHING_BITS
    pairs, every = (24 * 30 + 16 * 16) * bits_compared, (24 + 16) * (30 + 16) * bits_compared
    for most, has_chance, has_all in ((every, True, True), (every - 1, True, False), (pairs - 1, False, False)):
        monkeypatch.setattr(details_module, "MOST_WORK", most)
        comparison = _compare(torch.device("cpu"))
        assert (comparison.layers[0].chance_similarities is not None) is has_chance
        assert (comparison.layer_similarity is not None) is has_all
        assert _compare(torch.device("cpu"), details=True).layer_similarity is not None


@pytest.mark.parametrize("details", [1, "yes", 0.5])
def test_details_must_be_a_flag(details: object) -> None:
    with pytest.raises(TypeError, match="details must be True or False, got"):
        _compare(torch.device("cpu"), details=details)
