"""Modules that are no Sequentials: hidden layers found by running them, read by hooks, against an oracle with hooks."""

import copy
import functools
from collections.abc import Callable
from typing import Any

import funcsim
import numpy as np
import pytest
import torch
from module_zoo import Encoder, Norms, Repeated, Residual, Windows, Wrapped
from oracle import modules, networks
from oracle.modules import Layer
from torch import Tensor, nn

BY_NAME = {network.name: network for network in networks.NETWORKS}
IMAGES = torch.randn(21, 3, 12, 12, generator=torch.Generator().manual_seed(0))
ROWS = torch.randn(33, 6, generator=torch.Generator().manual_seed(1))
RESIDUAL = [
    Layer("stem", units=1),
    Layer("blocks.0.bn1", units=1),
    Layer("blocks.0.conv2", units=1),
    Layer("blocks.1.bn1", units=1),
    Layer("blocks.1.conv2", units=1),
]


def made(kind: Callable[..., nn.Module], seed: int, **options: Any) -> nn.Module:
    """A module with weights of its own, statistics of normalisations included."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(**options)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean)
                nn.init.uniform_(module.running_var, 0.5, 2)
            if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
    return model


def check_scores(
    a: nn.Module, b: nn.Module, inputs: Tensor, layers: list[Layer], positions: int | str = 16, seed: int = 0
) -> funcsim.Comparison:
    """Compares two modules and checks scores and names of units' partners against the oracle."""
    got = funcsim.compare(a, b, inputs, positions=positions, seed=seed)
    of_a, of_b = (modules.bits(m, functools.partial(m, inputs), layers, positions, seed) for m in (a, b))
    assert [layer.score for layer in got.layers] == pytest.approx(modules.scores(of_a, of_b), abs=1e-6)
    for layer, x, y in zip(got.layers, of_a, of_b, strict=True):
        similarity = modules.jaccard(x, y)[layer.matches[:, 0], layer.matches[:, 1]]
        np.testing.assert_allclose(layer.similarities, similarity, atol=1e-6)
        assert layer.num_samples == x.shape[1]
        assert (layer.counts_a.tolist(), layer.counts_b.tolist()) == (x.sum(axis=1).tolist(), y.sum(axis=1).tolist())
    assert got.read_a == got.read_b == "hooks"
    return got


@pytest.mark.parametrize("positions", [16, "all", "any", 3])
@pytest.mark.parametrize("inplace", [True, False])
def test_residual_network(positions: int | str, inplace: bool) -> None:
    """Pre-activations are taken before anything is written into them."""
    a, b = (made(Residual, seed, inplace=inplace) for seed in (1, 2))
    got = check_scores(a, b, IMAGES, RESIDUAL, positions, seed=5)
    assert [layer.name_a for layer in got.layers] == [
        "stem",
        "blocks.0.conv1",
        "blocks.0.conv2",
        "blocks.1.conv1",
        "blocks.1.conv2",
    ]


def test_which_normalisations_count() -> None:
    """Those that take the very tensor: not a sum, not one that was written into; dropouts pass it on."""
    layers = [Layer("second_norm"), Layer("added"), Layer("changed"), Layer("own_norm")]
    a, b = (made(Norms, seed) for seed in (1, 2))
    got = funcsim.compare(a, b, ROWS)
    assert [layer.name_a for layer in got.layers] == ["direct", "added", "changed", "dropped"]
    of_a, of_b = ([z(m, layer) > 0 for layer in layers] for m in (a, b))
    assert [layer.score for layer in got.layers] == pytest.approx(modules.scores(of_a, of_b), abs=1e-6)
    assert [layer.counts_a.tolist() for layer in got.layers] == [x.sum(axis=1).tolist() for x in of_a]


def z(model: Norms, layer: Layer) -> np.ndarray:
    """``[units, samples]``; of the layer that is written into what it gave before."""
    found = modules.outputs(model, lambda: model(ROWS))[layer.module][0]
    return found.numpy().T


@pytest.mark.parametrize("inputs_first", [True, False])
@pytest.mark.parametrize("positions", [16, "all", 5])
def test_positions_that_share_an_axis_with_inputs(inputs_first: bool, positions: int | str) -> None:
    inputs = torch.randn(19, 60, generator=torch.Generator().manual_seed(2))
    a, b = (made(Windows, seed, inputs_first=inputs_first) for seed in (1, 2))
    got = funcsim.compare(a, b, inputs, positions=positions)
    expected = []
    for model in (a, b):
        found = modules.outputs(model, functools.partial(model, inputs))
        bits = []
        for name in ("one", "two"):
            flat = found[name][0]
            grid = flat.reshape(19, 4, 3, 7) if inputs_first else flat.reshape(4, 19, 3, 7).transpose(0, 1)
            bits.append(modules.samples(grid.numpy(), positions, 0, None).T > 0)
        expected.append(bits)
    assert [layer.score for layer in got.layers] == pytest.approx(modules.scores(*expected), abs=1e-6)


def test_both_orders_of_windows_are_one_network() -> None:
    inputs = torch.randn(19, 60, generator=torch.Generator().manual_seed(2))
    a, b = made(Windows, 1, inputs_first=True), made(Windows, 1, inputs_first=False)
    assert funcsim.compare(a, b, inputs).score == 1


def test_axes_of_inputs_are_found_wherever_they_are() -> None:
    """Time first or inputs first, even where there are as many tokens as inputs."""
    words = torch.randint(0, 50, (9, 9), generator=torch.Generator().manual_seed(0))
    a, b = made(Encoder, 1), made(Encoder, 1, batch_first=False)
    other = made(Encoder, 2, batch_first=False)
    assert funcsim.compare(a, b, words).score == 1
    assert funcsim.compare(a, other, words).score == funcsim.compare(b, other, words).score < 0.9


def test_repeated_and_tied_modules() -> None:
    a, b = made(Repeated, 1), made(Repeated, 2)
    layers = [Layer("first"), *(Layer("shared", call) for call in range(3)), Layer("second")]
    got = check_scores(a, b, ROWS, layers)
    assert [layer.name_b for layer in got.layers] == ["first", "shared", "shared#2", "shared#3", "second"]
    notes = "\n".join(got.notes_a)
    assert "each call of these is a layer of its own: shared (3 times)" in notes
    assert "alias is shared" in notes
    assert "first.weight = second.weight" in notes
    assert "did not run as modules: unused" in notes
    for note in got.notes_a:
        assert f"network a and network b: {note}" in str(got)
    assert got.to_dict()["notes_a"] == list(got.notes_a)


@pytest.mark.parametrize("positions", [16, "all", "any"])
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_sequential_by_hooks_gives_what_operators_give(name: str, positions: int | str) -> None:
    """With margin 0 scales don't matter."""
    network = BY_NAME[name]
    (a, inputs), (b, _) = network.make(1), network.make(2)
    by_operators = funcsim.compare(a, b, inputs, positions=positions)
    by_hooks = funcsim.compare(Wrapped(a), Wrapped(b), inputs, positions=positions)
    assert (by_operators.read_a, by_hooks.read_a) == ("canonical form", "hooks")
    for operators, hooks in zip(by_operators.layers, by_hooks.layers, strict=True):
        expected, got = operators.to_dict(), hooks.to_dict()
        assert (got.pop("name_a"), got.pop("name_b")) == (
            f"net.{expected.pop('name_a')}",
            f"net.{expected.pop('name_b')}",
        )
        assert got == expected
    assert by_hooks.score == by_operators.score
    assert by_hooks.chance == by_operators.chance


def test_margins_are_in_the_networks_own_units() -> None:
    a, b = made(Repeated, 1), made(Repeated, 2)
    got = funcsim.compare(a, b, ROWS, margin=0.3)
    firsts = [m.first(ROWS).detach().numpy().T > 0.3 for m in (a, b)]
    assert got.layers[0].score == pytest.approx(modules.scores(firsts[:1], firsts[1:])[0], abs=1e-6)


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_any_split_gives_the_same_bits(method: str) -> None:
    a, b = (made(Residual, seed).double() for seed in (1, 2))
    images = torch.randn(4100, 3, 5, 5, generator=torch.Generator().manual_seed(0)).double()
    whole = funcsim.compare(a, b, [images], method=method, num_hashes=32).to_dict()
    for cuts in ([1, 4096, 4099], [2000, 2001], [4095]):
        assert funcsim.compare(a, b, images.tensor_split(cuts), method=method, num_hashes=32).to_dict() == whole


def test_sketches(tmp_path: Any) -> None:
    a, b = made(Residual, 1), made(Residual, 2)
    kept = funcsim.sketch(a, IMAGES, num_hashes=64)
    kept.save(tmp_path / "a")
    loaded = funcsim.NetworkSketch.load(tmp_path / "a")
    assert loaded.read == kept.read == "hooks"
    assert "read by hooks" in repr(loaded)
    assert loaded.architecture.startswith("Residual(stem: Conv2d, blocks.0.conv1: Conv2d")
    live = funcsim.compare(a, b, IMAGES, method="minhash", num_hashes=64)
    got = funcsim.compare(loaded, b, IMAGES)
    assert got.score == live.score
    assert (got.read_a, got.read_b) == ("hooks", "hooks")
    only = funcsim.compare(loaded, b, IMAGES, include="blocks.*.conv1")
    assert [layer.name_a for layer in only.layers] == ["blocks.0.conv1", "blocks.1.conv1"]
    both = funcsim.compare(loaded, funcsim.sketch(b, IMAGES, num_hashes=64), exclude="stem")
    assert [layer.name_b for layer in both.layers] == [layer.name for layer in loaded.layers[1:]]


def test_sketches_in_units_of_their_own() -> None:
    a, images = BY_NAME["conv2d"].make(1)
    canonical = funcsim.sketch(a, images, margin=0.5)
    with pytest.raises(ValueError, match=r"margin 0\.5, network a read in canonical form and network b in hooks"):
        funcsim.compare(canonical, Wrapped(a), images)
    with pytest.raises(ValueError, match="canonical form"):
        funcsim.compare(canonical, funcsim.sketch(Wrapped(a), images, margin=0.5))
    assert funcsim.compare(funcsim.sketch(a, images), Wrapped(a), images).score == 1


def test_layer_similarity() -> None:
    a, b = made(Residual, 1), made(Residual, 2)
    got = funcsim.layer_similarity(a, b, IMAGES, exclude=["stem", "*.conv2"])
    assert got.names_a == ("blocks.0.conv1", "blocks.1.conv1")
    assert (got.read_a, got.read_b) == ("hooks", "hooks")
    assert "read by hooks" in str(got)
    whole = funcsim.compare(a, b, IMAGES, include="*.conv1")
    assert got.scores.diagonal().tolist() == pytest.approx([layer.score for layer in whole.layers])


def test_what_pruning_destroyed() -> None:
    a, b = made(Residual, 1), made(Residual, 2)
    report = funcsim.prune_report(a, b, IMAGES)
    expected = [layer.coverage_a for layer in funcsim.compare(a, b, IMAGES).layers]
    assert [layer.coverage for layer in report.layers] == expected


def test_names_to_include_and_exclude() -> None:
    a, b = made(Repeated, 1), made(Repeated, 2)

    def names(**options: Any) -> list[str]:
        return [layer.name_a for layer in funcsim.compare(a, b, ROWS, **options).layers]

    assert names(include="shared") == ["shared", "shared#2", "shared#3"]
    assert names(include="shared#2") == ["shared#2"]
    assert names(include=["s*"], exclude=("shared#[23]",)) == ["shared", "second"]
    assert names(exclude="shared") == ["first", "second"]
    for options, words in (
        ({"include": "head"}, r"left by include=\['head'\].*There are first, shared, shared#2, shared#3, second"),
        ({"exclude": "*"}, r"left by exclude=\['\*'\]"),
        ({"include": ["first", "frist"]}, r"matches 'frist'.*There are first"),
        ({"exclude": "frist"}, "matches 'frist'"),
    ):
        with pytest.raises(ValueError, match=words):
            funcsim.compare(a, b, ROWS, **options)
    with pytest.raises(ValueError, match="at least one name"):
        funcsim.compare(a, b, ROWS, include=[])
    for bad in (3, b"first", [3]):
        with pytest.raises(TypeError, match="include must be a name or a list of names"):
            funcsim.compare(a, b, ROWS, include=bad)


def test_names_of_sequentials_too() -> None:
    (a, inputs), (b, _) = BY_NAME["mlp"].make(1), BY_NAME["mlp"].make(2)
    whole = funcsim.compare(a, b, inputs)
    last = whole.layers[-1].name_a
    got = funcsim.compare(a, b, inputs, include=last)
    assert got.read_a == "canonical form"
    assert [layer.to_dict() for layer in got.layers] == [whole.layers[-1].to_dict()]
    assert [layer.name for layer in funcsim.sketch(a, inputs, include=last).layers] == [last]
    assert [layer.name for layer in funcsim.stability(a, inputs, sigmas=[0.1], include=last).layers] == [last]
    with pytest.raises(ValueError, match=r"network a: no hidden layer is left by include=\['no'\]. There are 0"):
        funcsim.compare(a, b, inputs, include="no")


def test_a_chosen_sketch_of_a_sequential_is_loaded(tmp_path: Any) -> None:
    a, inputs = BY_NAME["mlp"].make(1)
    names = [layer.name for layer in funcsim.sketch(a, inputs).layers]
    funcsim.sketch(a, inputs, exclude=names[0]).save(tmp_path / "a")
    assert [layer.name for layer in funcsim.NetworkSketch.load(tmp_path / "a").layers] == names[1:]


def test_sequentials_that_operators_cannot_run() -> None:
    """By hooks, and so is the network it is compared with; what can't be read is said."""
    a = nn.Sequential(nn.Linear(6, 8), nn.GLU(), nn.Linear(4, 3))
    b = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    got = funcsim.compare(a, b, ROWS)
    assert (got.read_a, got.read_b) == ("hooks", "hooks")
    assert got.notes_a == ("a Sequential read by hooks, since describe: module 1 (GLU) is not supported",)
    assert got.notes_b == ()
    assert "network a: a Sequential read by hooks" in str(got)


class LengthNorm(nn.Module):
    """Gives a number for each input, whatever its name says."""

    def forward(self, x: Tensor) -> Tensor:
        return x.norm(dim=-1, keepdim=True)


class Lengths(nn.Module):
    """A Linear whose output goes to what is called a norm, and isn't one."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.head = nn.Linear(6, 6), LengthNorm(), nn.Linear(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.first(x)))


def test_a_normalisation_keeps_the_shape() -> None:
    model = made(Lengths, 1)
    (layer,) = funcsim.compare(model, model, ROWS).layers
    assert (layer.units_a, layer.always_on_a) == (6, 0)


def test_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match=r"no hidden layer.*got 1 \(net\)$"):
        funcsim.sketch(Wrapped(nn.Linear(6, 2)), ROWS)
    with pytest.raises(ValueError, match="meta device"):
        funcsim.sketch(made(Repeated, 1).to("meta"), ROWS)


def test_nan_names_network_and_layer() -> None:
    good, bad = made(Repeated, 1), made(Repeated, 1)
    with torch.no_grad():
        bad.second.bias[0] = torch.nan
    with pytest.raises(RuntimeError, match=r"network b: layer second: .*NaN"):
        funcsim.compare(good, bad, ROWS)


def test_layers_of_different_grids() -> None:
    """As for Sequentials: they can't be compared, but where "any" makes them alike."""

    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.hidden, self.head = nn.Conv2d(3, 4, 3), nn.Linear(400, 5), nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.hidden(self.conv(x).relu().flatten(1)).relu())

    a, b = made(Flat, 1), made(Flat, 2)
    assert [layer.num_samples for layer in funcsim.compare(a, b, IMAGES).layers] == [16 * 21, 21]
    with pytest.raises(RuntimeError, match="any"):
        funcsim.layer_similarity(a, b, IMAGES)
    funcsim.layer_similarity(a, b, IMAGES, positions="any")


def test_stability_of_a_module_is_that_of_its_sequential() -> None:
    """The same noise; flicker in the network's own units."""
    model, inputs = BY_NAME["mlp"].make(1)
    options = {"sigmas": [0, 0.05, 0.3], "repeats": 2, "seed": 3}
    by_operators = funcsim.stability(model, inputs, **options)
    before = copy.deepcopy(model.state_dict())
    for given in (inputs, [inputs]):
        by_hooks = funcsim.stability(Wrapped(model), given, **options)
        assert torch.equal(by_hooks.scores, by_operators.scores)
        assert torch.equal(by_hooks.chances, by_operators.chances)
        assert torch.equal(by_hooks.flipped, by_operators.flipped)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert by_hooks.read == "hooks"
    assert "read by hooks: the network" in str(by_hooks)


def test_flicker_of_a_module() -> None:
    model = made(Residual, 1)
    got = funcsim.stability(model, IMAGES, sigmas=[0.1], eps=0.2, margin=0.05)
    found = modules.outputs(model, functools.partial(model, IMAGES))
    for layer, where in zip(got.layers, RESIDUAL, strict=True):
        everywhere = found[where.module][0].double().movedim(1, -1).numpy()
        near = 0.2 * np.sqrt(np.square(everywhere).mean())
        taken = modules.samples(everywhere, 16, 0, None)
        expected = (np.abs(taken - 0.05) <= near).mean(axis=0)
        np.testing.assert_allclose(layer.flicker, expected, atol=1e-12)


def test_devices_without_kernels(elsewhere: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network runs where it is, and bits are packed on the CPU."""
    monkeypatch.setattr("funcsim.reading.module_reader.has_kernels", lambda device: device.type == "cpu")
    a, b = made(Repeated, 1), made(Repeated, 2)
    for method in ("exact", "minhash"):
        here = funcsim.compare(a.cpu(), b.cpu(), ROWS, method=method)
        there = funcsim.compare(a.to(elsewhere), b.to(elsewhere), ROWS, method=method)
        assert there.score == pytest.approx(here.score, abs=1e-3)


@pytest.mark.parametrize("kind", [Residual, Repeated])
def test_on_devices(device: torch.device, kind: type[nn.Module]) -> None:
    inputs = IMAGES if kind is Residual else ROWS
    a, b = made(kind, 1), made(kind, 2)
    here = funcsim.compare(a, b, inputs)
    there = funcsim.compare(a.to(device), b.to(device), inputs)
    assert there.score == pytest.approx(here.score, abs=1e-3)
    for method in ("exact", "minhash"):
        assert funcsim.compare(a, a, inputs, method=method).score == 1
    with torch.no_grad():
        next(iter(a.parameters())).fill_(torch.nan)
    with pytest.raises((RuntimeError, ValueError), match=r"network a: layer \w+: .*NaN"):
        funcsim.compare(a, b, inputs)
