"""funcsim.Comparer: a module like any other, which gives compare's numbers by every road."""

import copy
import io
import pathlib
from collections.abc import Callable

import funcsim
import pytest
import torch
from refusals import assert_says
from torch import Tensor, nn
from torch.nn.utils import parametrizations

# torch.jit is deprecated upstream, and says so; torch.export of 2.11 reads weights from memory that it can't write to.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:The given buffer is not writable:UserWarning"),
]

SHAPE = (2, 6, 6)
CPU = torch.device("cpu")


def cnn(seed: int, device: torch.device = CPU) -> nn.Sequential:
    """Nested, with a BatchNorm that has seen something, and a layer with a grid of positions."""
    torch.manual_seed(seed)
    head = nn.Sequential(nn.Flatten(), nn.Linear(64, 9), nn.ReLU(), nn.Linear(9, 3))
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), head)
    model(torch.randn(50, *SHAPE))
    return model.eval().to(device)


def deep(seed: int, device: torch.device = CPU) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 5, 3), nn.ReLU(), nn.Conv2d(5, 6, 3), nn.PReLU(), nn.Flatten(), nn.Linear(24, 8), nn.ReLU(),
        nn.Linear(8, 3),
    ).to(device)  # fmt: skip


def mlp(seed: int, device: torch.device = CPU) -> nn.Sequential:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 2))
    return model.to(device)


def images(number: int, device: torch.device = CPU) -> Tensor:
    return torch.randn(number, *SHAPE, generator=torch.Generator().manual_seed(0)).to(device)


def rows(number: int, device: torch.device = CPU) -> Tensor:
    return torch.randn(number, 6, generator=torch.Generator().manual_seed(0)).to(device)


class Monitor(nn.Module):
    """How with_chance is exported."""

    def __init__(self, comparer: funcsim.Comparer):
        super().__init__()
        self.comparer = comparer

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.comparer.with_chance(inputs)


def assert_same(result: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    torch.testing.assert_close(tuple(result), tuple(expected), rtol=0, atol=0)


def numbers(values: tuple[Tensor, ...]) -> list[float]:
    assert all(value.dtype == torch.float64 and value.shape == () for value in values)
    return [value.item() for value in values]


OPTIONS = [
    pytest.param({}, id="defaults"),
    pytest.param({"method": "exact", "positions": "all"}, id="exact"),
    pytest.param({"method": "minhash", "num_hashes": 64, "seed": -3, "positions": 5}, id="minhash"),
    pytest.param({"num_hashes": 8, "margin": 0.2, "positions": "any"}, id="auto that sketches"),
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("make_b", [cnn, deep], ids=["equal depth", "unequal depth"])
def test_it_gives_compares_numbers(device: torch.device, make_b: Callable[..., nn.Sequential], options: dict) -> None:
    if make_b is deep and options.get("positions") == "all":
        options = {**options, "positions": 16}  # layers of other sizes have no common positions
    a, b, inputs = cnn(1, device), make_b(2, device), images(300, device)
    expected = funcsim.compare(a, b, inputs, **options)
    comparer = funcsim.Comparer(a, b, **options)
    score, layer_scores = comparer(inputs)
    assert score.device == layer_scores.device == device
    assert score.item() == expected.score
    assert layer_scores.tolist() == [layer.score for layer in expected.layers]
    assert numbers(comparer.with_chance(inputs)) == [expected.score, expected.chance, expected.adjusted]
    assert 0 < expected.score < 1  # so that there is something to see


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_it_gives_compares_numbers_beyond_a_block_of_inputs(device: torch.device, method: str) -> None:
    a, b, inputs = mlp(1, device), mlp(2, device), rows(9001, device)
    expected = funcsim.compare(a, b, inputs, method=method)
    values = numbers(funcsim.Comparer(a, b, method=method).with_chance(inputs))
    assert values == [expected.score, expected.chance, expected.adjusted]


@pytest.mark.parametrize(("number", "method"), [(256, "exact"), (257, "minhash")])
def test_auto_is_compares_auto(number: int, method: str) -> None:
    comparers = {name: funcsim.Comparer(mlp(1), mlp(2), method=name, num_hashes=8) for name in ("auto", method)}
    other = funcsim.Comparer(mlp(1), mlp(2), method="minhash" if method == "exact" else "exact", num_hashes=8)
    inputs = rows(number)
    assert_same(comparers["auto"].with_chance(inputs), comparers[method].with_chance(inputs))
    assert_same(comparers["auto"](inputs), comparers[method](inputs))
    assert numbers(other.with_chance(inputs)) != numbers(comparers["auto"].with_chance(inputs))


def test_it_is_the_operator(device: torch.device) -> None:
    a, b, inputs = cnn(1, device), deep(2, device), images(100, device)
    described = (funcsim.describe(a), funcsim.parameters(a), funcsim.describe(b), funcsim.parameters(b))
    expected = torch.ops.funcsim.compare(*described, inputs, "minhash", 32, 5, 0.1, -1)
    comparer = funcsim.Comparer(a, b, method="minhash", num_hashes=32, seed=5, margin=0.1, positions="any")
    assert_same(comparer(inputs), expected[:2])


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_equal_networks_score_one_and_a_chance_of_one_is_no_division_by_zero(device: torch.device, method: str) -> None:
    model, inputs = mlp(1, device), rows(64, device)
    score, chance, adjusted = numbers(funcsim.Comparer(model, model, method=method).with_chance(inputs))
    assert score == adjusted == 1
    assert 0 < chance < 1
    alike = rows(1, device).expand(20, 6)
    assert numbers(funcsim.Comparer(model, model, method=method).with_chance(alike)) == [1, 1, 1]


def test_buffers_are_the_networks_state() -> None:
    a, b = cnn(1), deep(2)
    comparer = funcsim.Comparer(a, b)
    assert not list(comparer.parameters())
    for name, model in (("network_a", a), ("network_b", b)):
        state = {key.removeprefix(f"{name}."): value for key, value in comparer.state_dict().items() if name in key}
        assert list(state) == list(model.state_dict())
        for key, value in model.state_dict().items():
            assert torch.equal(state[key], value)
            assert state[key].data_ptr() != value.data_ptr()
        assert comparer.get_submodule(name).load_state_dict(model.state_dict()).missing_keys == []
        model.load_state_dict(comparer.get_submodule(name).state_dict())
    assert {name for name, _ in comparer.named_buffers()} == set(comparer.state_dict())


def test_it_stays_as_it_is_when_the_networks_change() -> None:
    a, b, inputs = mlp(1), mlp(2), rows(100)
    comparer = funcsim.Comparer(a, b)
    before = comparer(inputs)
    with torch.no_grad():
        for parameter in [*a.parameters(), *b.parameters()]:
            parameter.neg_()
    assert_same(comparer(inputs), before)
    assert numbers(funcsim.Comparer(a, b)(inputs)[:1]) != numbers(before[:1])


def test_the_live_network_is_updated(device: torch.device) -> None:
    a, b, inputs = cnn(1, device), cnn(2, device), images(100, device)
    comparer, expected = funcsim.Comparer(a, a), funcsim.Comparer(a, b)
    assert comparer(inputs)[0] == 1
    scripted = torch.jit.script(comparer)
    exported = torch.export.export(comparer, (inputs,)).module()
    for module in (comparer, scripted, exported):
        module.network_b.load_state_dict(b.state_dict())
        assert_same(module(inputs), expected(inputs))
    assert_same(scripted.with_chance(inputs), expected.with_chance(inputs))
    with pytest.raises(RuntimeError, match=r"0\.weight"):
        comparer.network_b.load_state_dict(mlp(1).state_dict())


def test_to_moves_the_weights(device: torch.device) -> None:
    here, inputs = funcsim.Comparer(cnn(1), deep(2)), images(100, device)
    moved = copy.deepcopy(here).to(device)
    assert {buffer.device for buffer in moved.buffers()} == {device}
    for there in (moved, torch.jit.script(here).to(device)):
        assert_same(there(inputs), funcsim.Comparer(cnn(1, device), deep(2, device))(inputs))


def test_to_converts_the_weights() -> None:
    a, b, inputs = cnn(1), cnn(2), images(100).double()
    comparer = funcsim.Comparer(a, b).to(torch.float64)
    assert comparer.network_a.get_buffer("1.num_batches_tracked").dtype == torch.int64
    assert_same(comparer(inputs), funcsim.Comparer(copy.deepcopy(a).double(), copy.deepcopy(b).double())(inputs))
    half = funcsim.Comparer(a, b).half()
    expected = funcsim.compare(copy.deepcopy(a).half(), copy.deepcopy(b).half(), inputs.half())
    assert numbers(half.with_chance(inputs.half())) == [expected.score, expected.chance, expected.adjusted]


def test_copies_and_saved_ones_are_equal(device: torch.device, tmp_path: pathlib.Path) -> None:
    options, inputs = {"method": "minhash", "num_hashes": 64, "seed": 9}, images(100, device)
    comparer = funcsim.Comparer(cnn(1, device), deep(2, device), **options)
    torch.save(comparer, tmp_path / "module.pt")
    torch.save(comparer.state_dict(), tmp_path / "state.pt")
    restored = funcsim.Comparer(cnn(3, device), deep(4, device), **options)
    assert numbers(restored(inputs)[:1]) != numbers(comparer(inputs)[:1])
    restored.load_state_dict(torch.load(tmp_path / "state.pt"))
    for other in (copy.deepcopy(comparer), torch.load(tmp_path / "module.pt", weights_only=False), restored):
        assert_same(other(inputs), comparer(inputs))
        assert repr(other) == repr(comparer)


def test_a_copy_is_its_own() -> None:
    comparer, inputs = funcsim.Comparer(mlp(1), mlp(1)), rows(50)
    copied = copy.deepcopy(comparer)
    copied.network_b.load_state_dict(mlp(2).state_dict())
    assert comparer(inputs)[0] == 1
    assert copied(inputs)[0] < 1


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("freeze", [False, True], ids=["scripted", "frozen"])
def test_scripted_saved_and_loaded_as_eager(device: torch.device, options: dict, freeze: bool) -> None:
    comparer = funcsim.Comparer(cnn(1, device), cnn(2, device), **options).eval()
    scripted = torch.jit.script(comparer)
    if freeze:
        scripted = torch.jit.freeze(scripted, preserved_attrs=["with_chance"])
    file = io.BytesIO()
    torch.jit.save(scripted, file)
    file.seek(0)
    loaded = torch.jit.load(file)
    for number in (300, 20, 300, 1):  # often, since operators must not use their arguments up
        inputs = images(number, device)
        assert_same(loaded(inputs), comparer(inputs))
        assert_same(loaded.with_chance(inputs), comparer.with_chance(inputs))


def test_scripted_with_another_depth_as_eager() -> None:
    comparer, inputs = funcsim.Comparer(cnn(1), deep(2)), images(100)
    scripted = torch.jit.script(comparer)
    assert_same(scripted(inputs), comparer(inputs))
    assert_same(scripted.with_chance(inputs), comparer.with_chance(inputs))


def test_architectures_are_constants_of_the_script() -> None:
    comparer = funcsim.Comparer(cnn(1), deep(2))
    scripted = torch.jit.script(comparer)
    for module in (comparer, scripted):
        assert module.architecture_a == funcsim.describe(cnn(1))
        assert module.architecture_b == funcsim.describe(deep(2))
    assert {name for name, _ in scripted.named_buffers()} == set(comparer.state_dict())
    with pytest.raises(RuntimeError, match="architecture_a"):
        scripted.architecture_a = "funcsim/1: "


@pytest.mark.parametrize("make_b", [cnn, deep], ids=["equal depth", "unequal depth"])
def test_exported_for_any_batch_as_eager(
    device: torch.device, make_b: Callable[..., nn.Sequential], tmp_path: pathlib.Path
) -> None:
    comparer = funcsim.Comparer(cnn(1, device), make_b(2, device), num_hashes=64)
    dynamic = {"inputs": {0: torch.export.Dim("batch")}}
    torch.export.save(
        torch.export.export(comparer, (images(20, device),), dynamic_shapes=dynamic), tmp_path / "comparer.pt2"
    )
    program = torch.export.load(tmp_path / "comparer.pt2")
    assert set(program.state_dict) == set(comparer.state_dict())
    for number in (1, 2, 300, 5000):
        inputs = images(number, device)
        assert_same(program.module()(inputs), comparer(inputs))


@pytest.mark.parametrize("method", ["auto", "exact", "minhash"])
@pytest.mark.parametrize("make_b", [cnn, deep], ids=["equal depth", "unequal depth"])
def test_with_chance_is_exported_for_any_batch(method: str, make_b: Callable[..., nn.Sequential]) -> None:
    monitor = Monitor(funcsim.Comparer(cnn(1), make_b(2), method=method, num_hashes=8))
    dynamic = {"inputs": {0: torch.export.Dim("batch")}}
    module = torch.export.export(monitor, (images(20),), dynamic_shapes=dynamic).module()
    for number in (1, 2, 16, 17, 1000):  # "auto" counts 16 inputs exactly
        assert_same(module(images(number)), monitor(images(number)))


@pytest.mark.parametrize("number", [20, 33])
def test_compiled_as_eager(device: torch.device, number: int) -> None:
    torch.compiler.reset()
    comparer, inputs = funcsim.Comparer(cnn(1, device), cnn(2, device), method="exact"), images(number, device)
    for module in (comparer, Monitor(comparer)):
        compiled = torch.compile(module, fullgraph=True, dynamic=True, backend="aot_eager")
        assert_same(compiled(inputs), module(inputs))


def test_nothing_of_the_calling_mode_matters(device: torch.device) -> None:
    comparer, inputs = funcsim.Comparer(cnn(1, device), cnn(2, device)), images(100, device)
    expected = (*comparer.eval()(inputs), *comparer.with_chance(inputs))
    autocast = torch.autocast("cuda" if device.type == "cuda" else "cpu", torch.bfloat16)
    for mode in (torch.no_grad(), torch.inference_mode(), autocast):
        with mode:
            assert_same((*comparer.train()(inputs), *comparer.with_chance(inputs)), expected)


def test_no_gradients_flow(device: torch.device) -> None:
    comparer, inputs = funcsim.Comparer(mlp(1, device), mlp(2, device)), rows(50, device)
    for module in (comparer, torch.jit.script(comparer)):
        wanting = inputs.clone().requires_grad_()
        results = (*module(wanting), *module.with_chance(wanting))
        assert not any(result.requires_grad for result in results)
        assert_same(results, (*comparer(inputs), *comparer.with_chance(inputs)))


def test_a_parametrised_network_is_held_as_what_it_computes() -> None:
    model = mlp(1)
    parametrizations.weight_norm(model[0])
    model[0].parametrizations.weight.original0.data.mul_(3)
    comparer = funcsim.Comparer(model, mlp(2))
    assert list(comparer.network_a.state_dict()) == list(mlp(1).state_dict())
    assert torch.equal(comparer.network_a.get_buffer("0.weight"), model[0].weight)
    assert comparer(rows(50))[0].item() == funcsim.compare(model, mlp(2), rows(50)).score


def test_the_options_are_in_the_repr() -> None:
    text = repr(funcsim.Comparer(mlp(1), mlp(2), method="minhash", num_hashes=64, seed=7, margin=0.5, positions="any"))
    assert 'method="minhash", num_hashes=64, seed=7, margin=0.5, positions="any"' in text
    assert 'positions="all"' in repr(funcsim.Comparer(mlp(1), mlp(2), positions="all"))
    assert "positions=16" in repr(funcsim.Comparer(mlp(1), mlp(2)))


@pytest.mark.parametrize(
    ("error", "words", "options"),
    [
        (ValueError, 'method must be "auto", "exact" or "minhash", got \'fast\'', {"method": "fast"}),
        (ValueError, "num_hashes must be from 1 to 16777216, got 0", {"num_hashes": 0}),
        (TypeError, "num_hashes must be an integer, got 1.5", {"num_hashes": 1.5}),
        (ValueError, "seed must fit 64 bits", {"seed": 1 << 63}),
        (ValueError, "margin must be finite and at least 0, got -1", {"margin": -1}),
        (ValueError, 'positions must be "all", "any" or a number of points, got \'some\'', {"positions": "some"}),
    ],
)
def test_options_are_checked(error: type[Exception], words: str, options: dict) -> None:
    with pytest.raises(error) as raised:
        funcsim.Comparer(mlp(1), mlp(2), **options)
    assert words in str(raised.value)


def test_networks_are_checked_and_named() -> None:
    with pytest.raises(
        TypeError, match=r"network a: describe: expected a torch\.nn\.Sequential, got the module Linear"
    ):
        funcsim.Comparer(nn.Linear(2, 3), mlp(1))
    with pytest.raises(ValueError, match=r"network b: describe: module 1 \(Bilinear\) is not supported"):
        funcsim.Comparer(mlp(1), nn.Sequential(nn.ReLU(), nn.Bilinear(1, 1, 1)))
    for model, affine in ((nn.Sequential(), 0), (nn.Sequential(nn.Linear(6, 3), nn.ReLU()), 1)):
        with pytest.raises(ValueError, match=rf"network b: the network has no hidden layer: .* got {affine}"):
            funcsim.Comparer(mlp(1), model)


@pytest.mark.parametrize("scripted", [False, True], ids=["eager", "scripted"])
def test_inputs_are_checked(device: torch.device, scripted: bool) -> None:
    comparer = funcsim.Comparer(mlp(1, device), mlp(2, device))
    module = torch.jit.script(comparer) if scripted else comparer
    for run in (module, module.with_chance):
        assert_says(
            lambda run=run: run(torch.randn(20, 7).to(device)),
            "network a",
            "item 0 (Linear(6, 9))",
            "6 (in_features), got [N, 7]",
        )
        assert_says(
            lambda run=run: run(rows(20, device).double()), "must be float32 like the parameters", "float64 [20, 6]"
        )
        assert_says(lambda run=run: run(rows(0, device)), "at least one input, got float32 [0, 6]")
        assert_says(lambda run=run: run(rows(1, device)[0]), "[inputs, features...]", "got float32 [6]")


def test_a_network_that_fits_no_longer_is_named() -> None:
    comparer = funcsim.Comparer(mlp(1), mlp(2))
    comparer.network_b.double()
    assert_says(lambda: comparer(rows(20)), "network b", "must be float64 like the parameters, got float32 [20, 6]")
