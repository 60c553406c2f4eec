"""What the evaluation holds intervals, flicker and p-values against is what it says."""

import math
import pathlib
import sys

import built
import funcsim
import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
if not built.REQUIRED:
    for package in ("matplotlib", "mnist1d"):
        pytest.importorskip(package, reason="./run evaluate installs what it needs")

sys.path.insert(0, str(ROOT))

# E402: found, and with what they need, from here on only.
from evaluation import copies, flicker, null, uncertainty  # noqa: E402
from evaluation.networks import Architecture  # noqa: E402
from evaluation.settings import Settings  # noqa: E402


def network(kind: str, seed: int) -> nn.Sequential:
    """Whose BatchNorms, if it has some, have seen inputs."""
    torch.manual_seed(seed)
    architecture = Architecture(kind, 2, 32)
    model = architecture.build()
    model(architecture.shaped(torch.randn(200, 64)))
    with torch.no_grad():
        model[-3].bias.normal_()
        if kind == "mlp":
            model[0].bias.normal_()
    return model.eval().requires_grad_(False)


def test_intervals_are_held_against_other_draws_and_against_all() -> None:
    a, b = network("mlp", 1), network("mlp", 2)
    everything = torch.randn(400, 64)
    rows = uncertainty._rows(a, b, everything, 100)
    drawn = [
        funcsim.compare(a, b, inputs, interval=0.95, seed=number) for number, inputs in enumerate(everything.split(100))
    ]
    truth = funcsim.compare(a, b, everything).score
    scores = np.array([found.score for found in drawn])
    assert [row["score"] for row in rows] == list(scores)
    for place, (row, found) in enumerate(zip(rows, drawn, strict=True)):
        low, high = found.interval
        assert row["typical"] == pytest.approx(np.delete(scores, place).mean(), abs=1e-12)
        assert row["covers typical"] == (low <= row["typical"] <= high)
        assert (row["truth"], row["covers"]) == (truth, low <= truth <= high)
    # Scores on few inputs are high, in every draw alike: other draws are what an interval knows of.
    assert any(row["covers typical"] for row in rows)
    assert not any(row["covers"] for row in rows)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "cnn1d"])
def test_preactivations_are_what_activation_functions_are_given(kind: str) -> None:
    model = network(kind, 0)
    inputs = Architecture(kind).shaped(torch.randn(20, 64))
    given: list[torch.Tensor] = []
    for module in model:
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _module, arguments, _output: given.append(arguments[0]))
    got = flicker.preactivations(model, inputs)
    given.clear()
    model(inputs)
    assert len(got) == len(given)
    for layer, expected in zip(got, given, strict=True):
        torch.testing.assert_close(layer, expected.movedim(1, 0).reshape(len(layer), -1).double())


def test_displacements_are_those_of_the_noise() -> None:
    """Of the first layer: normal, of a size that weights, bias and inputs decide."""
    model, inputs = network("mlp", 0), torch.randn(500, 64)
    noisy = [copies.noisy(model, 0.05, seed).model for seed in range(30)]
    got = flicker.displacements(model, noisy, inputs)[0]
    layer = model[0]
    norms = layer.weight.norm(dim=1)  # the canonical form's: without the bias
    squares = 0.05**2 * (inputs.square().sum(1) * layer.weight.square().mean() + layer.bias.square().mean())
    moved = (squares[:, None] / norms.square()).mean().sqrt()
    assert got == pytest.approx(float(moved / (layer(inputs) / norms).square().mean().sqrt()), rel=0.03)


def test_predicted_flips_are_those_of_normal_displacements() -> None:
    generator = np.random.default_rng(0)
    distances = generator.uniform(-1, 1, (4, 200_000)) * np.array([[1.0], [2.0], [4.0], [8.0]])
    eps, moved = 0.05, 0.04
    near = torch.from_numpy((np.abs(distances) <= eps).mean(axis=1))
    expected = norm.cdf(-np.abs(distances) / moved).mean(axis=1)
    np.testing.assert_allclose(flicker.predicted(near, moved, eps), expected, rtol=0.05)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "cnn1d"])
@pytest.mark.parametrize("second", [False, True])
def test_half_blind_networks_see_one_half(kind: str, second: bool) -> None:
    model = network(kind, 0)
    x, other = (Architecture(kind).shaped(torch.randn(20, 64)) for _ in range(2))
    blind = null.half_blind(model, second)
    halves = [other, x] if second else [x, other]
    torch.testing.assert_close(blind(torch.cat(halves, dim=1)), model(x))
    assert "128" in funcsim.describe(blind) if kind == "mlp" else "(2, 16" in funcsim.describe(blind)


def test_unrelated_halves_are_the_same_rows_in_another_order() -> None:
    rows = torch.randn(50, 64)
    made = null.unrelated(rows, torch.Generator().manual_seed(0))
    assert torch.equal(made[:, :64], rows)
    assert not torch.equal(made[:, 64:], rows)
    assert torch.equal(made[:, 64:].sort(dim=0).values, rows.sort(dim=0).values)


def test_shares_of_small_p_values(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    p_values = iter([0.05, 0.1, 0.5, 1.0])

    def compare(*_arguments: object, **options: object) -> object:
        assert options["shuffles"] == null.SHUFFLES
        return type("Comparison", (), {"p_value": next(p_values), "adjusted": 0.25})()

    monkeypatch.setattr(funcsim, "compare", compare)
    monkeypatch.setattr(Settings, "pick", lambda _self, _full, _quick, smoke: 4 if smoke == 2 else smoke)
    (row,) = null.null_rows(Settings("smoke", 2, 1, tmp_path), Architecture("mlp", 1, 8), "digits", 16, 30, 0)
    assert (row["at most 0.05"], row["at most 0.1"], row["adjusted"]) == (0.25, 0.5, 0.25)
    assert row["mean p"] == pytest.approx(0.4125)
    assert math.isclose(1 / (1 + null.SHUFFLES), null.LEVELS[0])
