"""funcsim.stability against PyTorch's own modules with noise, and flicker against the bits that flip."""

import copy
import importlib
import json
import warnings
from collections.abc import Iterator
from typing import Any

import funcsim
import numpy as np
import pytest
import torch
from funcsim.reading.layer_evidence import LayerEvidence
from matplotlib import pyplot
from oracle import canonical, hooks, networks
from scipy.stats import norm, spearmanr
from torch import Tensor, nn


def _model(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(6, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Linear(20, 16, bias=False), nn.PReLU(), nn.Linear(16, 3)
    ).eval()


def _inputs(count: int = 500) -> Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(9))


def _noisy(model: nn.Sequential, sigma: float, seed: int, repeat: int) -> nn.Sequential:
    """A copy with the documented noise, in place, module by module."""
    generator = torch.Generator().manual_seed(seed)
    affine = [i for i, module in enumerate(model) if isinstance(module, nn.Linear | nn.Conv2d)]
    for _ in range(repeat + 1):
        noisy = copy.deepcopy(model)
        with torch.no_grad():
            for index in affine[:-1]:
                for tensor in noisy[index].parameters():
                    noise = torch.randn(tensor.shape, generator=generator)
                    tensor.add_(sigma * tensor.square().mean().sqrt() * noise)
    return noisy


def _bits(model: nn.Sequential, inputs: Tensor) -> list[np.ndarray]:
    return [z[:, 0] > 0 for z in hooks.preactivations(model, inputs)]


@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_without_noise_all_is_exact(network: networks.Network) -> None:
    model, inputs = network.make(seed=1, dtype=torch.float32)
    got = funcsim.stability(model, inputs, sigmas=[0.0])
    assert got.scores.tolist() == [[1.0]]
    assert got.wrong_matches.tolist() == got.flipped.tolist() == [[0.0]]
    for layer in got.layers:
        assert layer.scores.tolist() == [[1.0]]
        assert layer.wrong_matches.tolist() == layer.flipped.tolist() == [[0.0]]
        assert not layer.flips.any()


def test_numbers_are_those_of_a_comparison_with_a_noisy_copy() -> None:
    model, inputs = _model(), _inputs()
    got = funcsim.stability(model, inputs, sigmas=(0.05, 0.5), repeats=3, seed=4)
    assert (got.sigmas, got.repeats, got.eps, got.num_inputs) == ((0.05, 0.5), 3, 0.05, 500)
    flips = [torch.zeros(2, 20), torch.zeros(2, 16)]
    for s, sigma in enumerate(got.sigmas):
        for repeat in range(3):
            noisy = _noisy(model, sigma, 4, repeat)
            expected = funcsim.compare(model, noisy, inputs, seed=4)
            changed = [x != y for x, y in zip(_bits(model, inputs), _bits(noisy, inputs), strict=True)]
            wrong = [int((layer.matches[:, 0] != layer.matches[:, 1]).sum()) for layer in expected.layers]
            # A bit may flip by the last rounding of a weight.
            assert got.scores[s, repeat].item() == pytest.approx(expected.score, abs=1e-3)
            assert got.chances[s, repeat].item() == pytest.approx(expected.chance, abs=1e-3)
            assert got.adjusted[s, repeat].item() == pytest.approx(expected.adjusted, abs=2e-3)
            assert got.wrong_matches[s, repeat].item() == pytest.approx(sum(wrong) / 36)
            total = sum(int(change.sum()) for change in changed)
            assert got.flipped[s, repeat].item() == pytest.approx(total / (36 * 500), abs=1e-3)
            for index, (layer, its) in enumerate(zip(got.layers, expected.layers, strict=True)):
                assert layer.scores[s, repeat].item() == pytest.approx(its.score, abs=1e-3)
                assert layer.wrong_matches[s, repeat].item() == pytest.approx(wrong[index] / layer.units)
                assert layer.flipped[s, repeat].item() == pytest.approx(changed[index].mean(), abs=1e-3)
                flips[index][s] += torch.from_numpy(changed[index].mean(axis=0)) / 3
    for layer, expected_flips in zip(got.layers, flips, strict=True):
        torch.testing.assert_close(layer.flips, expected_flips.double(), rtol=0, atol=3e-3)
    assert [layer.name for layer in got.layers] == ["0", "3"]
    assert [layer.units for layer in got.layers] == [20, 16]


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_flicker_is_the_share_of_samples_near_the_boundary(margin: float) -> None:
    model, inputs = _model().double(), _inputs().double()
    got = funcsim.stability(model, inputs, sigmas=[0.0], eps=0.2, margin=margin)
    canonical_model = canonical.canonicalize(model, inputs).model
    for layer, z in zip(got.layers, hooks.preactivations(canonical_model, inputs), strict=True):
        distances = z[:, 0]
        near = 0.2 * np.sqrt(np.mean(distances**2))
        expected = (np.abs(distances - margin) <= near).mean(axis=0)
        np.testing.assert_allclose(layer.flicker, expected, atol=1e-12)
        assert 0 < layer.flicker.mean() < 0.5


def test_flicker_takes_its_unit_from_the_first_inputs() -> None:
    model, inputs = _model(), _inputs(4096)
    more = torch.cat([inputs, 100 * inputs])
    one, two = (funcsim.stability(model, x, sigmas=[0.0], eps=0.1) for x in (inputs, more))
    far = funcsim.stability(model, torch.cat([100 * inputs, inputs]), sigmas=[0.0], eps=0.1)
    assert two.layers[0].flicker.mean() < one.layers[0].flicker.mean() < far.layers[0].flicker.mean()


def test_predicted_flips_are_the_measured_ones() -> None:
    """Of the first layer exactly: noise moves a pre-activation by a normal amount of known size."""
    model, inputs = _model(), _inputs()
    sigma, repeats = 0.05, 200
    got = funcsim.stability(model, inputs, sigmas=[sigma], repeats=repeats).layers[0]
    with torch.no_grad():
        batch_norm = model[1]
        gain = batch_norm.weight / (batch_norm.running_var + batch_norm.eps).sqrt()
        z = batch_norm(model[0](inputs))
        squares = inputs.square().sum(dim=1) * model[0].weight.square().mean() + model[0].bias.square().mean()
        moved = sigma * squares.sqrt()[:, None] * gain.abs()
    expected = norm.cdf(-(z.abs() / moved).numpy()).mean(axis=0)
    # Flips of one unit in one repeat go together: a hyperplane moves as a whole.
    np.testing.assert_allclose(got.flips[0], expected, rtol=0.25, atol=2e-3)
    assert float(got.flipped.mean()) == pytest.approx(expected.mean(), rel=0.05)


def test_units_that_flicker_are_those_that_flip() -> None:
    """Ranks of all units, in a network whose units differ in how near their boundaries samples come."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(10, 60), nn.ReLU(), nn.Linear(60, 40), nn.ReLU(), nn.Linear(40, 3))
    with torch.no_grad():
        model[0].bias.copy_(torch.linspace(-2, 2, 60))
        model[2].bias.copy_(torch.linspace(-1, 1, 40))
    inputs = torch.randn(2000, 10)
    got = funcsim.stability(model, inputs, sigmas=[0.02], repeats=20)
    for layer in got.layers:
        assert spearmanr(layer.flicker, layer.flips[0]).statistic > 0.9


def test_scores_fall_with_sigma() -> None:
    got = funcsim.stability(_model(), _inputs())
    assert got.sigmas == (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    assert (got.scores[:-1, 0] > got.scores[1:, 0]).all()
    assert (got.flipped[:-1, 0] < got.flipped[1:, 0]).all()


def _layer(fingerprints: list[int]) -> LayerEvidence:
    rows = torch.zeros(len(fingerprints), 1, dtype=torch.uint8)
    return LayerEvidence("0", 1, rows, None, torch.zeros(len(fingerprints)), torch.tensor(fingerprints))


@pytest.mark.parametrize(
    ("own", "noisy", "partners", "expected"),
    [
        ([1, 2, 3], [1, 2, 3], [0, 1, 2], 0),
        ([1, 2, 3], [4, 5, 6], [1, 0, 2], 2),
        ([1, 1, 3], [4, 5, 6], [1, 0, 2], 0),  # two that the network can't tell apart
        ([1, 2, 3], [4, 4, 6], [1, 0, 2], 0),  # that the copy can't
        ([1, 1, 3], [4, 5, 6], [1, 2, 0], 2),  # of a circle of three one stays within its group
        ([1, 1, 3], [4, 5, 5], [1, 2, 0], 1),
    ],
)
def test_within_a_group_of_equal_signatures_a_match_is_right(
    own: list[int], noisy: list[int], partners: list[int], expected: int
) -> None:
    wrong_matches = importlib.import_module("funcsim.stability")._wrong_matches
    assert wrong_matches(_layer(own), _layer(noisy), torch.tensor(partners)) == expected


def test_points_of_later_inputs_are_their_own() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 2), nn.ReLU(), nn.Conv2d(3, 2, 1))
    images = torch.randn(4500, 1, 3, 3)
    (got,) = funcsim.stability(model, images, sigmas=[0.0], positions=2).layers
    network = funcsim.describe(model), list(funcsim.parameters(model))
    _, ((means, variances),) = torch.ops.funcsim.network_signatures_with_moments(*network, images[:4096])
    near = 0.05 * (means.square() + variances).mean().sqrt().reshape(1, 1)
    (counts,) = torch.ops.funcsim.boundary_counts(*network, images, near, 0.0, 2)
    assert torch.equal(got.flicker, counts[:, 0].double() / 9000)


def test_does_not_depend_on_batches() -> None:
    model, inputs = _model(), _inputs(5000)
    whole = funcsim.stability(model, inputs, sigmas=(0.01, 0.1), repeats=2).to_json()

    def batches() -> Iterator[dict[str, Tensor]]:
        for batch in inputs.split(700):
            yield {"x": batch}

    assert funcsim.stability(model, batches(), sigmas=(0.01, 0.1), repeats=2).to_json() == whole


def test_fewer_sigmas_have_the_same_noise() -> None:
    model, inputs = _model(), _inputs()
    many = funcsim.stability(model, inputs, sigmas=(0.01, 0.1, 0.3), repeats=2)
    one = funcsim.stability(model, inputs, sigmas=[0.1], repeats=2)
    assert torch.equal(one.scores[0], many.scores[1])
    other = funcsim.stability(model, inputs, sigmas=[0.1], repeats=2, seed=1)
    assert not torch.equal(one.scores, other.scores)
    assert one.scores[0, 0] != one.scores[0, 1]


@pytest.mark.parametrize("sigmas", [torch.tensor([0.25, 0.5]), np.array([0.25, 0.5]), (0.25, np.float32(0.5))])
def test_sigmas_may_be_arrays_and_tensors(sigmas: Any) -> None:
    model, inputs = _model(), _inputs()
    got = funcsim.stability(model, inputs, sigmas=sigmas)
    assert got.to_json() == funcsim.stability(model, inputs, sigmas=[0.25, 0.5]).to_json()


def test_leaves_network_inputs_and_random_state_alone() -> None:
    model, inputs = _model().train(), _inputs()
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    kept, state = inputs.clone(), torch.random.get_rng_state()
    funcsim.stability(model, inputs, sigmas=[0.3])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(inputs, kept)
    assert model.training
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_dtypes(dtype: torch.dtype) -> None:
    got = funcsim.stability(_model().to(dtype), _inputs().to(dtype), sigmas=(0.0, 0.2))
    assert got.scores[0, 0] == 1
    assert 0.5 < got.scores[1, 0] < 1


def test_other_devices(device: torch.device) -> None:
    """The noise is the CPU's."""
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 5), nn.ReLU(), nn.Linear(5, 2))
    images = torch.randn(40, 1, 5, 5)
    expected = funcsim.stability(model, images, sigmas=(0.0, 0.1))
    got = funcsim.stability(model.to(device), images, sigmas=(0.0, 0.1))
    torch.testing.assert_close(got.scores, expected.scores, rtol=0, atol=0.02)
    for layer, its in zip(got.layers, expected.layers, strict=True):
        torch.testing.assert_close(layer.flicker, its.flicker, rtol=0, atol=0.02)


def test_positions() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 2), nn.ReLU(), nn.Conv2d(3, 2, 1))
    images = torch.randn(40, 1, 5, 5)
    for positions, samples in (("all", [360, 160]), ("any", [40, 40]), (7, [280, 280])):
        got = funcsim.stability(model, images, sigmas=(0.0, 0.1), positions=positions)
        assert [layer.num_samples for layer in got.layers] == samples
        assert got.scores[0, 0] == 1
        for layer in got.layers:
            counts = layer.flicker * layer.num_samples
            torch.testing.assert_close(counts, counts.round())


def test_prints_and_writes() -> None:
    got = funcsim.stability(_model(), _inputs(), sigmas=(0.0, 0.1), repeats=2)
    lines = str(got).splitlines()
    assert lines[0] == "against copies with noise on the weights, means of 2 draws (500 inputs)"
    assert lines[1].split() == ["sigma", "score", "chance", "adjusted", "wrong", "matches", "flipped", "bits"]
    means = [values.mean(dim=1) for values in (got.scores, got.chances, got.adjusted, got.wrong_matches, got.flipped)]
    assert lines[3].split() == ["0.1", *(f"{mean[1].item():.4f}" for mean in means)]
    assert lines[4] == "layers: flicker (share of samples within 0.05 of a boundary), scores by sigma"
    layer = got.layers[1]
    flicker = [f"{layer.flicker.mean().item():.4f}", f"{layer.flicker.max().item():.4f}"]
    assert lines[7].split() == ["3", "16", *flicker, "1.0000", f"{layer.scores.mean(dim=1)[1].item():.4f}"]
    assert repr(got) == str(got)
    unit = int(layer.flicker.argmax())
    assert str(layer).splitlines()[0] == "layer 3: the units that flicker most"
    assert str(layer).splitlines()[2].split() == [str(unit), f"{layer.flicker[unit].item():.4f}"]
    assert len(str(layer).splitlines()) == 12
    read = json.loads(got.to_json())
    assert read == got.to_dict()
    assert read["sigmas"] == [0.0, 0.1]
    assert read["scores"] == got.scores.tolist()
    assert read["layers"][0]["flicker"] == got.layers[0].flicker.tolist()
    assert read["layers"][0] == got.layers[0].to_dict()


def test_plots() -> None:
    got = funcsim.stability(_model(), _inputs(), sigmas=(0.0, 0.01, 0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes = got.plot()
    labels = [line.get_label() for line in axes.lines]
    assert labels == ["score", "chance", "layer 0", "layer 3"]
    np.testing.assert_array_equal(axes.lines[0].get_xydata()[:, 0], got.sigmas)
    np.testing.assert_array_equal(axes.lines[0].get_xydata()[:, 1], got.scores[:, 0])
    assert got.plot(axes) is axes
    assert len(axes.lines) == 8
    pyplot.close("all")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sigmas": 0.1}, TypeError, "sigmas must be a sequence of numbers"),
        ({"sigmas": []}, ValueError, "sigmas must hold at least one number, got none"),
        ({"sigmas": [0.1, -1]}, ValueError, r"sigmas\[1\] must be finite and at least 0, got -1"),
        ({"sigmas": ["x"]}, TypeError, r"sigmas\[0\] must be a number, got 'x'"),
        ({"sigmas": [float("inf")]}, ValueError, r"sigmas\[0\] must be finite"),
        ({"sigmas": np.ones((2, 1))}, ValueError, r"sigmas must be one-dimensional, got shape \[2, 1\]"),
        ({"sigmas": torch.tensor(0.1)}, TypeError, "sigmas must be a sequence of numbers"),
        ({"sigmas": np.array([0.1, np.nan])}, ValueError, r"sigmas\[1\] must be finite"),
        ({"sigmas": np.array(["a"])}, TypeError, r"sigmas\[0\] must be a number, got 'a'"),
        ({"sigmas": [1e300]}, ValueError, r"sigmas must leave .* got 1e\+300, with which the weight of module 0"),
        ({"sigmas": [3e38]}, RuntimeError, r"the copy with noise of sigma 3e\+38: .* NaN"),
        ({"repeats": 0}, ValueError, "repeats must be at least 1, got 0"),
        ({"repeats": 1.5}, TypeError, "repeats must be an integer, got 1.5"),
        ({"eps": -0.1}, ValueError, "eps must be finite and at least 0, got -0.1"),
        ({"seed": 2**63}, ValueError, "seed must fit 64 bits"),
        ({"margin": -1.0}, ValueError, "margin must be finite and at least 0"),
        ({"positions": 0}, ValueError, "positions must be"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        funcsim.stability(_model(), _inputs(), **options)


def test_bad_networks_and_inputs() -> None:
    with pytest.raises(TypeError, match=r"torch\.nn\.Module, got str"):
        funcsim.stability("model.pt", _inputs())
    with pytest.raises(ValueError, match="hidden layer"):
        funcsim.stability(nn.Linear(6, 3), _inputs())
    with pytest.raises(RuntimeError, match="hidden layer"):
        funcsim.stability(nn.Sequential(nn.Linear(6, 3)), _inputs())
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        funcsim.stability(_model(), _inputs()[0])
    with pytest.raises(ValueError, match="no batches"):
        funcsim.stability(_model(), iter([]))
    bad = _inputs()
    bad[7, 2] = torch.nan
    with pytest.raises(RuntimeError, match="NaN for input 7"):
        funcsim.stability(_model(), bad)
