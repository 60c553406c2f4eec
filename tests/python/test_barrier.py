"""barrier against losses computed with PyTorch."""

import copy
import importlib
import json
import math
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import funcsim
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from oracle import transform
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset


def mlp(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Dropout(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)).double()


GENERATOR = torch.Generator().manual_seed(0)
ROWS = torch.randn(2000, 6, dtype=torch.float64, generator=GENERATOR)
CLASSES = torch.randint(0, 3, (2000,), generator=GENERATOR)
VALUES = torch.randn(2000, 3, dtype=torch.float64, generator=GENERATOR)


def between(a: nn.Sequential, b: nn.Sequential, weight: float) -> nn.Sequential:
    result = copy.deepcopy(a).eval()
    with torch.no_grad():
        for target, x, y in zip(result.parameters(), a.parameters(), b.parameters(), strict=True):
            target.copy_((1 - weight) * x + weight * y)
    return result


def outputs(model: nn.Sequential) -> Tensor:
    with torch.no_grad():
        return copy.deepcopy(model).eval()(ROWS)


@pytest.mark.parametrize("targets", [CLASSES, CLASSES.int(), VALUES], ids=["int64", "int32", "float64"])
def test_curves_are_pytorchs_losses(targets: Tensor) -> None:
    a, b = mlp(1), mlp(2)
    aligned = funcsim.align(a, b, ROWS, rescale=True)
    result = funcsim.barrier(a, b, ROWS, targets, weights=3)
    assert result.weights == (0.0, 0.5, 1.0)
    curves = {
        "before": [between(a, b, weight) for weight in result.weights],
        "aligned": [between(a, aligned, weight) for weight in result.weights],
        "repaired": [funcsim.merge(a, b, ROWS, weight) for weight in result.weights],
    }
    is_classes = not targets.is_floating_point()
    loss = functional.cross_entropy if is_classes else functional.mse_loss
    targets = targets.long() if is_classes else targets
    for name, models in curves.items():
        expected = [loss(outputs(model), targets).item() for model in models]
        np.testing.assert_allclose(getattr(result, f"loss_{name}"), expected, rtol=1e-12)
        accuracies = [(outputs(model).argmax(1) == targets).double().mean() for model in models] if is_classes else None
        assert getattr(result, f"accuracy_{name}") == (tuple(accuracies) if is_classes else None)
        excess = expected[1] - (loss(outputs(a), targets) + loss(outputs(b), targets)).item() / 2
        assert getattr(result, f"barrier_{name}") == pytest.approx(max(0.0, excess), abs=1e-12)


def test_no_barrier_to_a_permuted_and_rescaled_self() -> None:
    a = mlp(1).eval()
    rng = np.random.default_rng(0)
    b = transform.rescaled(transform.permuted(a, ROWS[:2], rng)[0], ROWS[:2], rng, powers_of_two=False)
    result = funcsim.barrier(a, b, ROWS, CLASSES)
    assert len(result.weights) == 11
    assert result.barrier_before > 0.01
    assert result.barrier_aligned < 1e-10
    assert result.barrier_repaired is not None
    assert result.barrier_repaired < 1e-6
    np.testing.assert_allclose(result.loss_repaired, result.loss_a, rtol=0, atol=1e-6)


def test_another_loss_of_given_points() -> None:
    a, b = mlp(1), mlp(2)
    result = funcsim.barrier(
        a,
        b,
        ROWS,
        CLASSES,
        weights=[0.75, 0.25],
        loss=lambda out, y: (out.argmax(1) != y).double().mean(),
        repair=False,
    )
    assert result.weights == (0.25, 0.75)
    np.testing.assert_allclose(result.loss_before, 1 - np.array(result.accuracy_before), atol=1e-12)
    assert result.loss_repaired is None
    assert result.accuracy_repaired is None
    assert result.barrier_repaired is None
    assert "repaired" not in str(result)


@pytest.mark.parametrize(
    "weights", [3, np.int64(3), torch.tensor(3), torch.linspace(0, 1, 3), np.linspace(0, 1, 3), range(2)]
)
def test_weights_may_be_arrays_and_tensors(weights: Any) -> None:
    a, b = mlp(1), mlp(2)
    expected = (0.0, 1.0) if isinstance(weights, range) else (0.0, 0.5, 1.0)
    assert funcsim.barrier(a, b, ROWS[:50], CLASSES[:50], weights=weights).weights == expected


def test_units_are_matched_and_repaired_on_other_inputs_if_these_are_given() -> None:
    a, b = mlp(1), mlp(2)
    others = ROWS[:300] + 1
    result = funcsim.barrier(a, b, ROWS, VALUES, weights=[0.5], repair_inputs=others)
    expected = functional.mse_loss(outputs(funcsim.merge(a, b, others)), VALUES).item()
    assert result.loss_repaired == pytest.approx((expected,), rel=1e-12)


def test_half_precision_and_batches() -> None:
    a, b = mlp(1).half(), mlp(2).half()
    result = funcsim.barrier(a, b, ROWS.half().split(300), CLASSES, weights=3)
    wide = funcsim.barrier(a.double(), b.double(), ROWS, CLASSES, weights=3)
    np.testing.assert_allclose(result.loss_aligned, wide.loss_aligned, atol=2e-2)


def _shuffled(**tensors: Tensor) -> Iterable[Any]:
    """Batches in another order at every pass, in memory that is used again."""

    class Loader:
        passes = 0

        def __iter__(self) -> Iterator[Any]:
            Loader.passes += 1
            order = torch.randperm(2000, generator=torch.Generator().manual_seed(Loader.passes))
            memory = {name: torch.empty_like(tensor[:300]) for name, tensor in tensors.items()}
            for part in order.split(300):
                for name, tensor in tensors.items():
                    memory[name][: len(part)] = tensor[part]
                yield {name: tensor[: len(part)] for name, tensor in memory.items()}

    return Loader()


def _close(got: funcsim.Barrier, expected: funcsim.Barrier) -> None:
    for name, values in expected.to_dict().items():
        if values is None:
            assert getattr(got, name) is None
        else:
            np.testing.assert_allclose(getattr(got, name), values, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("key", ["targets", "target", "labels", "label", "y"])
def test_targets_of_batches_that_are_shuffled(key: str) -> None:
    a, b = mlp(1), mlp(2)
    expected = funcsim.barrier(a, b, ROWS, CLASSES, weights=3)
    loader = DataLoader(TensorDataset(ROWS, CLASSES), batch_size=170, shuffle=True)
    _close(funcsim.barrier(a, b, loader, weights=3), expected)
    _close(funcsim.barrier(a, b, _shuffled(x=ROWS, **{key: CLASSES}), weights=3), expected)
    by_value = funcsim.barrier(a, b, ROWS, VALUES, weights=2)
    _close(funcsim.barrier(a, b, _shuffled(x=ROWS, **{key: VALUES}), weights=2), by_value)


def test_targets_beside_those_of_batches_must_be_the_same() -> None:
    a, b = mlp(1), mlp(2)
    batches = list(zip(ROWS.split(300), CLASSES.split(300), strict=True))
    expected = funcsim.barrier(a, b, ROWS, CLASSES, weights=2)
    assert funcsim.barrier(a, b, batches, CLASSES, weights=2).to_dict() == expected.to_dict()
    other = CLASSES.clone()
    other[700] = (other[700] + 1) % 3
    for wrong in (other, VALUES, CLASSES.double() + 0.5):
        with pytest.raises(ValueError, match=f"differ from those that batch {2 if wrong is other else 0} holds"):
            funcsim.barrier(a, b, batches, wrong, weights=2)
    with pytest.raises(ValueError, match="differ from those that batch 0 holds"):
        funcsim.barrier(a, b, DataLoader(TensorDataset(ROWS, CLASSES), batch_size=170, shuffle=True), CLASSES)
    # What else comes with the inputs may be anything.
    more = [(rows, ["a name"] * len(rows)) for rows in ROWS.split(300)]
    assert funcsim.barrier(a, b, more, CLASSES, weights=2).to_dict() == expected.to_dict()


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        (ROWS, "targets are missing: give one for each input, or batches of .inputs, targets."),
        (ROWS.split(300), "batch 0 holds no targets"),
        ([(ROWS[:5], CLASSES[:5]), (ROWS[5:7],)], "batch 1 holds no targets"),
        ([(ROWS[:5], CLASSES[:5]), (ROWS[5:7], ["a", "b"])], "batch 1 holds no targets"),
        ([(ROWS[:5], CLASSES[:4])], "one for each of 5 inputs, got shape .4."),
        (
            [(ROWS[:5], CLASSES[:5]), (ROWS[5:7], VALUES[5:7, 0])],
            r"got torch.float64 \[2\] in batch 1, after torch.int64",
        ),
        ([(ROWS[:5], torch.tensor(1))], r"got torch.int64 \[\] in batch 0"),
        ([{"x": ROWS[:5], "y": CLASSES[:5], "label": CLASSES[:5]}], "batch 0 holds no targets"),
    ],
)
def test_batches_without_their_targets(batches: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        funcsim.barrier(mlp(1), mlp(2), batches, weights=2)


@pytest.mark.parametrize("network", [0, 1])
def test_nan_is_no_class(network: int) -> None:
    models = [mlp(1), mlp(2)]
    bad = ROWS.clone()
    bad[[7, 1500, 1501]] = torch.nan
    with pytest.raises(ValueError, match="the reference gives NaN for 3 of 2000 inputs"):
        funcsim.barrier(*models, bad, CLASSES, repair_inputs=ROWS)
    with torch.no_grad():
        models[network][-1].bias[1] = torch.nan  # that no hidden unit sees
    with pytest.raises(ValueError, match=f"the {('reference', 'model')[network]} gives NaN for 2000 of 2000 inputs"):
        funcsim.barrier(*models, ROWS, CLASSES)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (ROWS[:, :5], r"the reference: .*expects inputs whose last dimension is 6 \(in_features\), got \[N, 5\]"),
        (ROWS.float(), "the reference: .*inputs must be float64 like the parameters, got float32"),
        (ROWS.to("meta"), "tensors must be on one device"),
    ],
)
def test_bad_inputs_are_seen_before_any_work(inputs: Tensor, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("funcsim.barrier"), "aligned_path", None)
    with pytest.raises(RuntimeError, match=words):
        funcsim.barrier(mlp(1), mlp(2), inputs, CLASSES[: len(inputs)], repair_inputs=ROWS)


@pytest.mark.parametrize(
    ("repair_inputs", "words"),
    [
        (ROWS[0], r"repair_inputs: inputs must be \[inputs, features...\]"),
        (ROWS[:, :4], "repair_inputs: the reference: .*expects inputs whose last dimension is 6"),
        ([], "repair_inputs: inputs gave no batches"),
        (ROWS[:0], "repair_inputs: .*at least one input"),
    ],
)
def test_bad_repair_inputs(repair_inputs: Any, words: str) -> None:
    with pytest.raises((ValueError, RuntimeError), match=words):
        funcsim.barrier(mlp(1), mlp(2), ROWS, CLASSES, repair_inputs=repair_inputs)


def test_no_inputs() -> None:
    for inputs in (ROWS[:0], [ROWS[:0]]):
        with pytest.raises(ValueError, match="inputs must hold at least one input, got none"):
            funcsim.barrier(mlp(1), mlp(2), inputs, CLASSES[:0], repair_inputs=ROWS)


def test_networks_of_two_dtypes() -> None:
    with pytest.raises(
        ValueError, match=r"networks must be of one dtype, got torch.float64 \(the reference\) and torch.float32"
    ):
        funcsim.barrier(mlp(1), mlp(2).float(), ROWS, CLASSES)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ("mse", "loss must be a function of outputs and targets, got 'mse'"),
        (nn.CrossEntropyLoss(reduction="none"), r"loss must give one number, .* got shape \[2000\]"),
        (lambda *_: None, "loss must give one number, .* got None"),
    ],
)
def test_bad_losses(loss: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        funcsim.barrier(mlp(1), mlp(2), ROWS, CLASSES, loss=loss)


def test_networks_without_hidden_layers() -> None:
    for model in (nn.Sequential(), nn.Sequential(nn.Linear(6, 3))):
        with pytest.raises(RuntimeError, match=r"the reference: .*no hidden layer"):
            funcsim.barrier(model, copy.deepcopy(model), ROWS.float(), CLASSES)


def test_parametrised_networks_are_read_as_merge_reads_them() -> None:
    a, b = mlp(1), mlp(2)
    computed = copy.deepcopy(b)
    nn.utils.parametrizations.weight_norm(computed[0])
    expected = funcsim.barrier(a, b, ROWS, CLASSES, weights=2)
    _close(funcsim.barrier(a, computed, ROWS, CLASSES, weights=2), expected)
    with pytest.raises(ValueError, match="barrier: the reference: module 0 is parametrised"):
        funcsim.barrier(computed, a, ROWS, CLASSES)
    with pytest.raises(ValueError, match="merge: the reference: module 0 is parametrised"):
        funcsim.merge(computed, a, ROWS)


def test_networks_stay_as_they_are() -> None:
    a, b = mlp(1).train(), mlp(2)
    states = [copy.deepcopy(model.state_dict()) for model in (a, b)]
    random_state = torch.get_rng_state()
    funcsim.barrier(a, b, ROWS, CLASSES, weights=2)
    assert a.training
    assert torch.equal(torch.get_rng_state(), random_state)
    for model, state in zip((a, b), states, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


def a_barrier() -> funcsim.Barrier:
    return funcsim.Barrier(
        weights=(0.0, 0.5, 1.0),
        loss_a=1.0,
        loss_b=2.0,
        loss_before=(1.0, 4.0, 2.0),
        loss_aligned=(1.0, 1.25, 2.0),
        loss_repaired=None,
        accuracy_before=(0.5, 0.25, 0.5),
        accuracy_aligned=(0.5, 0.75, 0.5),
        accuracy_repaired=None,
    )


def test_printed_and_as_json() -> None:
    result = a_barrier()
    assert str(result).splitlines() == [
        "barrier 2.5000 before, 0.0000 aligned",
        "weight  loss before  accuracy before  loss aligned  accuracy aligned",
        "0.000   1.0000       0.5000           1.0000        0.5000",
        "0.500   4.0000       0.2500           1.2500        0.7500",
        "1.000   2.0000       0.5000           2.0000        0.5000",
    ]
    assert repr(result) == str(result)
    read = json.loads(result.to_json())
    assert read == result.to_dict()
    assert read["barrier_before"] == 2.5
    assert read["loss_aligned"] == [1.0, 1.25, 2.0]
    assert read["loss_repaired"] is None


def test_a_loss_that_is_nan_is_not_lost() -> None:
    a, b = mlp(1), mlp(2)
    result = funcsim.barrier(a, b, ROWS, VALUES, weights=3, loss=lambda *_: math.nan, repair=False)
    assert math.isnan(result.barrier_before)
    assert json.loads(result.to_json())["barrier_before"] is None


def test_plotted() -> None:
    axes = a_barrier().plot()
    assert [line.get_label() for line in axes.get_lines()] == ["before", "aligned", "line between the ends"]
    pyplot.close("all")


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # which import takes for a package that isn't there
    with pytest.raises(ImportError, match=r"Barrier.plot needs matplotlib: pip install matplotlib"):
        a_barrier().plot()
    stability = funcsim.stability(mlp(1), ROWS[:20], sigmas=[0.0])
    with pytest.raises(ImportError, match=r"Stability.plot needs matplotlib: pip install matplotlib"):
        stability.plot()


@pytest.mark.parametrize(
    ("targets", "error", "words"),
    [
        (CLASSES[:5], ValueError, "one for each of 2000 inputs"),
        (CLASSES + 1, ValueError, "classes must be from 0 to 2, as there are outputs, got 1 to 3"),
        (VALUES[:, :2], ValueError, "floating targets must be of the outputs' shape"),
        (CLASSES[:, None], ValueError, r"classes must be of shape \[2000\], for outputs \[2000, 3\].*got \[2000, 1\]"),
        (CLASSES.numpy(), TypeError, "got a ndarray; torch.from_numpy makes a tensor"),
        (CLASSES > 0, TypeError, "integers, which are classes, or floating"),
        (CLASSES.tolist(), TypeError, "targets must be a tensor, got a list"),
    ],
)
def test_bad_targets(targets: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        funcsim.barrier(mlp(1), mlp(2), ROWS, targets, weights=2)


@pytest.mark.parametrize(
    ("weights", "error"),
    [
        (1, ValueError),
        ([], ValueError),
        ([0.5, 2.0], ValueError),
        ("all", TypeError),
        ([None], TypeError),
        (0.5, TypeError),
        (torch.tensor([]), ValueError),
        (torch.tensor(0.5), TypeError),
        (torch.tensor([0.5, math.nan]), ValueError),
        (np.ones((1, 2)), ValueError),
    ],
)
def test_bad_weights(weights: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="weights"):
        funcsim.barrier(mlp(1), mlp(2), ROWS, CLASSES, weights=weights)


def test_other_architectures_are_refused() -> None:
    with pytest.raises(ValueError, match="one architecture"):
        funcsim.barrier(mlp(1), nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)).double(), ROWS, CLASSES)
