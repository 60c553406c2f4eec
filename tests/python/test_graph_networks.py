"""TorchScript and what torch.export gives, in place of the modules that they were made from."""

import warnings
from collections.abc import Callable
from typing import Any

import funcsim
import pytest
import torch
from funcsim.reading.graphs.conversion import as_module
from module_zoo import Loops, Residual
from test_modules import IMAGES, ROWS, made
from torch import Tensor, nn


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 2))


def exported(model: nn.Module, inputs: Tensor) -> torch.export.ExportedProgram:
    return torch.export.export(model, (inputs,), dynamic_shapes=({0: torch.export.Dim("inputs")},))


GRAPHS: dict[str, Callable[[nn.Module, Tensor], Any]] = {
    "script": lambda model, _: torch.jit.script(model),
    "trace": lambda model, inputs: torch.jit.trace(model, inputs, strict=False),
    "frozen": lambda model, _: torch.jit.freeze(torch.jit.script(model)),
    "program": exported,
    "program's module": lambda model, inputs: exported(model, inputs).module(),
}


@pytest.fixture(params=GRAPHS)
def graph_of(request: pytest.FixtureRequest) -> Callable[[nn.Module, Tensor], Any]:
    def make(model: nn.Module, inputs: Tensor) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return GRAPHS[request.param](model.eval(), inputs)

    return make


def test_it_is_the_network_that_it_was_made_from(graph_of: Any) -> None:
    model = made(mlp, 1)
    graph = graph_of(model, ROWS)
    for a, b in ((model, graph), (graph, model), (graph, graph)):
        got = funcsim.compare(a, b, ROWS)
        assert (got.score, got.read_a, got.read_b) == (1, "canonical form", "canonical form")
    other = made(mlp, 2)
    assert funcsim.compare(graph, other, ROWS).score == funcsim.compare(model, other, ROWS).score
    by_hooks = funcsim.compare(model, graph, [(0, ROWS)], call=lambda network, batch: network(batch[1]))
    assert (by_hooks.score, by_hooks.read_b) == (1, "hooks")


def test_networks_that_are_no_chain(graph_of: Any) -> None:
    model = made(Residual, 1, inplace=False)
    got = funcsim.compare(model, graph_of(model, IMAGES), IMAGES)
    assert got.read_b == "hooks"
    assert got.score > 0.999
    assert len(got.layers) == 5


def test_every_function_takes_them(graph_of: Any) -> None:
    model = made(mlp, 1)
    graph = graph_of(model, ROWS)
    assert funcsim.layer_similarity(model, graph, ROWS).scores.diagonal().tolist() == [1, 1]
    assert funcsim.prune_report(model, graph, ROWS).coverage == 1
    assert funcsim.compare(funcsim.sketch(graph, ROWS), funcsim.sketch(model, ROWS)).score == 1
    got, expected = (funcsim.stability(network, ROWS, sigmas=[0.1]) for network in (graph, model))
    assert got.scores.tolist() == expected.scores.tolist() != [[1]]


class Keywords(nn.Module):
    """Takes two arguments, one of them by name only."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor, *, y: Tensor) -> Tensor:
        return self.head(self.second(self.first(x).relu() + y).relu())


def test_arguments_by_name() -> None:
    model, batch = made(Keywords, 1).eval(), {"x": ROWS, "y": ROWS.flip(0), "label": torch.zeros(33)}
    shapes = {name: {0: torch.export.Dim("inputs")} for name in "xy"}
    program = torch.export.export(model, (batch["x"],), {"y": batch["y"]}, dynamic_shapes=shapes)
    for network in (program, program.module()):
        got = funcsim.compare(network, model, batch)
        assert (got.score, [layer.name_a for layer in got.layers]) == (1, ["first", "second"])


class Function(nn.Module):
    """A layer, and a function of what it gives."""

    def __init__(self, function: Callable[[nn.Module, Tensor], Tensor], layer: nn.Module | None = None) -> None:
        super().__init__()
        self.function = function
        self.head = layer or nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, self.head(x))


SETTINGS: dict[str, Callable[[], nn.Module]] = {
    "eps of BatchNorm": lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, eps=0.5), nn.Linear(8, 2)),
    "eps of LayerNorm": lambda: nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8, eps=0.5), nn.Linear(8, 2)),
    "eps of GroupNorm": lambda: nn.Sequential(nn.Linear(6, 8), nn.GroupNorm(2, 8, eps=0.5), nn.Linear(8, 2)),
    "a transposed convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (2, 3)), nn.Conv1d(2, 4, 1), nn.ConvTranspose1d(4, 4, 2), nn.Flatten(), nn.Linear(16, 2)
    ),
    "groups": lambda: nn.Sequential(
        nn.Unflatten(1, (6, 1)), nn.Conv1d(6, 6, 1, groups=3), nn.Flatten(), nn.Linear(6, 2)
    ),
    "scale of ELU": lambda: Function(lambda _, x: torch.ops.aten.elu(x, 1.0, 2.0, 0.5)),
    "dtype of softmax": lambda: Function(lambda _, x: torch.softmax(x, 1, dtype=torch.float64)),
    "divisor of a mean": lambda: Function(
        lambda _, x: nn.functional.avg_pool2d(x, 2, divisor_override=3), nn.Conv2d(3, 4, 3)
    ),
    "weights that are computed": lambda: Function(lambda m, x: nn.functional.linear(x, m.head.weight * 2, m.head.bias)),
    "weights that are inputs": lambda: Function(lambda m, x: nn.functional.linear(x, x)),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("how", ["trace", "program"])
def test_settings_of_layers_are_kept(name: str, how: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = SETTINGS[name]().eval()
    inputs = IMAGES if name.startswith("divisor") else ROWS
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        graph = torch.jit.trace(model, inputs) if how == "trace" else torch.export.export(model, (inputs,))
        torch.testing.assert_close(as_module(graph)(inputs), model(inputs))


def test_what_was_traced_in_training_stays_random() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 2)).train()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        loaded = as_module(torch.jit.trace(model, ROWS, check_trace=False))
        assert not torch.equal(loaded(ROWS), loaded(ROWS))


@pytest.mark.parametrize("training", [True, False])
def test_torchscript_is_left_as_it_was(training: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = torch.jit.script(made(mlp, 1).train(training))
    graph[1].train(not training)
    modes = {name: module.training for name, module in graph.named_modules()}
    code, before = (
        graph.code,
        {name: (tensor.data_ptr(), tensor.tolist()) for name, tensor in graph.state_dict().items()},
    )
    assert funcsim.compare(graph, made(mlp, 1), ROWS).score == 1
    assert {name: module.training for name, module in graph.named_modules()} == modes
    assert graph.code == code
    assert {name: (tensor.data_ptr(), tensor.tolist()) for name, tensor in graph.state_dict().items()} == before
    with torch.no_grad():
        graph.state_dict()["0.weight"].mul_(-1)
    assert funcsim.compare(graph, made(mlp, 1), ROWS).score < 1  # nothing is kept of what was read before


def test_exported_modules_are_left_as_they_were() -> None:
    module = exported(made(mlp, 1).eval(), ROWS).module()
    graph, names = str(module.graph), [name for name, _ in module.named_modules()]
    expected = module(ROWS)
    assert funcsim.stability(module, ROWS, sigmas=[0.5]).flipped.item() > 0
    assert (str(module.graph), [name for name, _ in module.named_modules()]) == (graph, names)
    assert torch.equal(module(ROWS), expected)


def test_wrapped_ones() -> None:
    model = made(mlp, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.script(model)
    assert funcsim.compare(nn.DataParallel(script), model, ROWS).score == 1


def test_traced_by_fx() -> None:
    """What calls modules is run as it is."""
    model = made(Keywords, 1)
    got = funcsim.compare(torch.fx.symbolic_trace(model), model, {"x": ROWS, "y": ROWS})
    assert (got.score, got.read_a, [layer.name_a for layer in got.layers]) == (1, "hooks", ["first", "second"])


def test_what_can_not_be_read_is_said() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loops, idle = torch.jit.script(Loops()), torch.jit.script(nn.Sequential(nn.ReLU()))
    with pytest.raises(
        ValueError, match=r"network b: the TorchScript module holds prim::Loop.*or the module that it was"
    ):
        funcsim.compare(made(mlp, 1), loops, ROWS)
    for nothing in (idle, exported(nn.Sequential(nn.ReLU()), ROWS)):
        with pytest.raises(ValueError, match=r"^no Linear and no convolution was found in the graph"):
            funcsim.sketch(nothing, ROWS)
    with pytest.raises(TypeError, match=r"network a: expected a torch\.nn\.Module, got str"):
        funcsim.compare("a.pt", loops, ROWS)
