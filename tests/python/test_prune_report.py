"""funcsim.prune_report, on networks whose damage is known."""

import copy
import json
from typing import Any

import funcsim
import pytest
import torch
from torch import Tensor, nn


def _model(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 3))


INPUTS = torch.randn(600, 6, generator=torch.Generator().manual_seed(1))


def _without(model: nn.Sequential, units: list[int]) -> nn.Sequential:
    """A network without some units of the first hidden layer."""
    kept = [unit for unit in range(12) if unit not in units]
    small = nn.Sequential(nn.Linear(6, len(kept)), nn.ReLU(), nn.Linear(len(kept), 10), nn.ReLU(), nn.Linear(10, 3))
    with torch.no_grad():
        small[0].weight.copy_(model[0].weight[kept])
        small[0].bias.copy_(model[0].bias[kept])
        small[2].weight.copy_(model[2].weight[:, kept])
        small[2].bias.copy_(model[2].bias)
        small[4].load_state_dict(model[4].state_dict())
    return small


def _silence(model: nn.Sequential, layer: int, units: list[int]) -> nn.Sequential:
    """A copy in which units never fire."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        model[layer].weight[units] = 0
        model[layer].bias[units] = -1
    return model


def test_nothing_is_lost_of_a_permuted_copy() -> None:
    model = _silence(_model(), 0, [3])
    other = copy.deepcopy(model)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    assert order[3] != 3
    with torch.no_grad():
        for tensor in other[0].parameters():
            tensor.copy_(tensor[order])
        other[2].weight.copy_(other[2].weight[:, order])
    got = funcsim.prune_report(model, other, INPUTS)
    assert got.coverage == pytest.approx(1, abs=1e-4)
    assert [len(layer.lost) for layer in got.layers] == [0, 0]
    assert [len(layer.died) for layer in got.layers] == [0, 0]
    assert got.layers[0].dead.tolist() == [3]
    assert torch.equal(order[got.layers[0].counterparts], torch.arange(12))


def test_removed_units_are_lost() -> None:
    model = _model()
    pruned = _without(model, [2, 7, 8])
    got = funcsim.prune_report(model, pruned, INPUTS)
    layer = got.layers[0]
    assert (layer.units, layer.units_pruned) == (12, 9)
    assert layer.lost.tolist() == [2, 7, 8]
    assert layer.counterparts[layer.lost].tolist() == [-1, -1, -1]
    assert layer.similarities[layer.lost].tolist() == [0, 0, 0]
    assert layer.died.tolist() == []  # they are gone
    assert layer.coverage == pytest.approx(9 / 12)
    comparison = funcsim.compare(model, pruned, INPUTS)
    assert [layer.coverage for layer in got.layers] == [layer.coverage_a for layer in comparison.layers]
    assert got.coverage == pytest.approx((12 * got.layers[0].coverage + 10 * got.layers[1].coverage) / 22)
    for layer, its in zip(got.layers, comparison.layers, strict=True):
        assert layer.chance == its.chance
    grown, its = funcsim.prune_report(pruned, model, INPUTS).layers[0], funcsim.compare(pruned, model, INPUTS).layers[0]
    assert grown.coverage == pytest.approx(1)
    assert grown.chance == pytest.approx(its.chance * 12 / 9)
    # Without a counterpart, whatever the threshold.
    assert funcsim.prune_report(model, pruned, INPUTS, threshold=-1).layers[0].lost.tolist() == [2, 7, 8]


def test_silenced_units_died() -> None:
    model = _silence(_model(), 2, [4])  # dead before: nothing that could be lost
    got = funcsim.prune_report(model, _silence(model, 0, [1, 5]), INPUTS)
    first, second = got.layers
    assert first.died.tolist() == first.lost.tolist() == [1, 5]
    assert first.dead.tolist() == []
    assert second.dead.tolist() == [4]
    assert 4 not in second.lost.tolist()
    assert 4 not in second.died.tolist()
    # Nor is one that fires afterwards: its counterpart is another unit, and it has nothing in common with that.
    (_, second) = funcsim.prune_report(model, _model(), INPUTS).layers
    assert second.dead.tolist() == [4]
    assert second.similarities[4] == 0
    assert second.lost.tolist() == []


def test_units_that_died_are_found_whatever_the_order_and_width() -> None:
    model = _model()
    pruned = _silence(_without(model, [2]), 0, [3])  # 4 of the original's
    order = torch.randperm(11, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for tensor in pruned[0].parameters():
            tensor.copy_(tensor[order])
        pruned[2].weight.copy_(pruned[2].weight[:, order])
    layer = funcsim.prune_report(model, pruned, INPUTS).layers[0]
    assert layer.lost.tolist() == [2, 4]
    # One of them has the silent unit for a counterpart, and which one is open: both have nothing in common with it.
    assert len(layer.died) == 1
    assert set(layer.died.tolist()) < {2, 4}


def test_threshold() -> None:
    model = _model()
    pruned = _silence(model, 0, [0])
    with torch.no_grad():
        pruned[0].weight[3] += 0.5
    reports = {t: funcsim.prune_report(model, pruned, INPUTS, threshold=t) for t in (0, 0.5, 0.99999, 1)}
    similarities = reports[0].layers[0].similarities
    assert 0.5 < similarities[3] < 0.99
    assert reports[0].layers[0].lost.tolist() == []
    assert reports[0.5].layers[0].lost.tolist() == [0]
    assert reports[1].layers[0].lost.tolist() == [0, 3]
    assert reports[1].threshold == 1


def test_units_are_lost_below_the_middle_between_chance_and_1() -> None:
    generator = torch.Generator().manual_seed(2)
    model, inputs = _model(), INPUTS.abs()  # where units fire often, unlike ones overlap a lot
    with torch.no_grad():
        model[0].bias += 1
    pruned = copy.deepcopy(model)
    with torch.no_grad():
        pruned[0].weight += 0.4 * torch.randn(12, 6, generator=generator)
    got = funcsim.prune_report(model, pruned, inputs)
    assert got.threshold is None
    for layer, its in zip(got.layers, funcsim.compare(model, pruned, inputs).layers, strict=True):
        assert layer.threshold == pytest.approx((1 + its.chance) / 2)
        below = (layer.similarities < layer.threshold).nonzero()[:, 0].tolist()
        assert layer.lost.tolist() == [unit for unit in below if unit not in layer.dead]
        assert layer.adjusted == pytest.approx(its.adjusted)
    assert 0 < len(got.layers[0].lost) < 12
    assert got.adjusted == pytest.approx((got.coverage - got.chance) / (1 - got.chance))
    assert "below half way from chance to 1" in str(got)
    small = funcsim.prune_report(_model(), _without(_model(), [2, 7, 8]), INPUTS).layers[0]
    assert small.lost.tolist() == [2, 7, 8]  # chance is that of the nine others
    assert small.threshold == pytest.approx((1 + small.chance * 12 / 9) / 2)
    silent = _silence(model, 0, list(range(12)))
    dead = funcsim.prune_report(silent, silent, inputs).layers[0]
    assert (dead.threshold, dead.adjusted, dead.lost.tolist()) == (1, 1, [])


def test_a_threshold_below_chance_is_named() -> None:
    model = _model()
    with torch.no_grad():
        model[0].bias += 1
    first, second = funcsim.prune_report(model, model, INPUTS).layers
    assert second.chance < first.chance < 1
    between = (first.chance + second.chance) / 2
    text = str(funcsim.prune_report(model, model, INPUTS, threshold=between))
    assert f"The threshold {between:g} is below chance in layer 0: " in text
    assert "in layers 0, 2: " in str(funcsim.prune_report(model, model, INPUTS, threshold=0.01))
    assert "below chance" not in str(funcsim.prune_report(model, model, INPUTS, threshold=first.chance + 0.01))
    assert "below chance" not in str(funcsim.prune_report(model, model, INPUTS))
    # Of twelve units nine have a counterpart by chance: coverage by chance is lower than what these nine have.
    model, small = _model(), _without(_model(), [2, 7, 8])
    chance = funcsim.prune_report(model, small, INPUTS).layers[0].chance
    assert "below chance in layer" in str(funcsim.prune_report(model, small, INPUTS, threshold=chance * 12 / 9 - 0.01))


def test_removed_layers() -> None:
    model = _model()
    pruned = nn.Sequential(*[copy.deepcopy(model[i]) for i in (0, 1)], nn.Linear(12, 3))
    got = funcsim.prune_report(model, pruned, INPUTS)
    assert [(layer.name, layer.name_pruned) for layer in got.layers] == [("0", "0")]
    assert got.removed == (funcsim.UnmatchedLayer("2", 10),)
    assert got.coverage == pytest.approx(12 / 22)
    assert str(got).splitlines()[-1] == "layer 2 (10 units) is gone"
    assert "10 of 22 units lost" in str(got)
    other_way = funcsim.prune_report(model, pruned, INPUTS, layers=[(1, 0)])
    assert other_way.removed == (funcsim.UnmatchedLayer("0", 12),)


def test_takes_batches_and_phi() -> None:
    model, pruned = _model(), _silence(_model(), 0, [3])
    whole = funcsim.prune_report(model, pruned, INPUTS)
    assert funcsim.prune_report(model, pruned, INPUTS.split(90)).to_json() == whole.to_json()
    by_phi = funcsim.prune_report(model, pruned, INPUTS, similarity="phi")
    assert by_phi.similarity == "phi"
    assert by_phi.layers[0].lost.tolist() == [3]


def test_prints_and_writes() -> None:
    got = funcsim.prune_report(_model(), _silence(_model(), 0, [3, 9]), INPUTS, threshold=0.5)
    head, headings, first, _ = str(got).splitlines()
    lost = sum(len(layer.lost) for layer in got.layers)
    assert head == (
        f"coverage {got.coverage:.4f}, chance {got.chance:.4f}, adjusted {got.adjusted:.4f} (jaccard); "
        f"{lost} of 22 units lost (similarity below 0.5)"
    )
    numbers = ["coverage", "chance", "adjusted", "threshold"]
    assert headings.split() == ["original", "pruned", "units", *numbers, "lost", "died", "dead", "before"]
    layer = got.layers[0]
    values = [f"{getattr(layer, name):.4f}" for name in numbers]
    assert first.split() == ["0", "0", "12", "/", "12", *values, "2", "2", "0"]
    assert str(layer).splitlines()[2:] == ["lost: 3, 9", "died: 3, 9", "dead before: none"]
    assert repr(got) == str(got)
    read = json.loads(got.to_json())
    assert read == got.to_dict()
    assert read["layers"][0]["lost"] == [3, 9]
    assert read["layers"][0] == layer.to_dict()
    whole = funcsim.prune_report(_model(), _model(), INPUTS)
    assert str(whole.layers[0]).splitlines()[2] == "lost: none"


def test_on_devices(device: torch.device) -> None:
    model, pruned = _model(), _without(_model(), [2])
    got = funcsim.prune_report(model.to(device), pruned.to(device), INPUTS)
    assert got.layers[0].lost.tolist() == [2]
    assert got.layers[0].lost.device.type == "cpu"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"threshold": "0.5"}, TypeError, "threshold must be a number or None, got '0.5'"),
        ({"threshold": True}, TypeError, "threshold must be a number or None, got True"),
        ({"threshold": 1.5}, ValueError, "threshold must be from -1 to 1, got 1.5"),
        ({"threshold": float("nan")}, ValueError, "threshold must be from -1 to 1, got nan"),
        ({"similarity": "cka"}, ValueError, 'similarity must be "jaccard" or "phi"'),
        ({"margin": -1.0}, ValueError, "margin"),
        ({"layers": []}, ValueError, "at least one pair"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        funcsim.prune_report(_model(), _model(), INPUTS, **options)


class _Called(nn.Module):
    """A network that is no Sequential."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = _model()

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def test_any_module_is_read_by_hooks() -> None:
    before, after = _Called(), _Called()
    with torch.no_grad():
        last_hidden = [module for module in after.modules() if isinstance(module, nn.Linear)][-2]
        last_hidden.weight[1] = 0
        last_hidden.bias[1] = -1
    report = funcsim.prune_report(before, after, INPUTS)
    assert all(layer.name.startswith("layers.") for layer in report.layers)
    assert report.layers[-1].died.tolist() == [1]
    assert funcsim.prune_report(before, before, INPUTS).coverage == 1


def test_bad_networks_and_inputs() -> None:
    with pytest.raises(ValueError, match=r"the pruned network: the module has no hidden layer"):
        funcsim.prune_report(_model(), nn.Linear(6, 3), INPUTS)
    sketch: Any = funcsim.sketch(_model(), INPUTS)
    with pytest.raises(ValueError, match="needs signatures, and the pruned network is a sketch"):
        funcsim.prune_report(_model(), sketch, INPUTS)
    nothing: list[Tensor] = []
    with pytest.raises(ValueError, match="no batches"):
        funcsim.prune_report(_model(), _model(), nothing)
