"""Modules that run other layers for other inputs, layers that don't have all inputs, and runs of how many inputs."""

import funcsim
import pytest
import torch
from funcsim.reading.hidden_calls import run_size
from module_zoo import Repeated
from test_modules import ROWS, made
from torch import Tensor, nn


class Coupled(nn.Module):
    """What it gives for an input depends on the others."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.head(self.second(x - x.mean(dim=0)).relu())


def test_inputs_that_depend_on_each_other_are_reported() -> None:
    model = made(Coupled, 1)
    got = funcsim.compare(model, model, ROWS)
    assert got.notes_a == ("scores depend on which inputs share a batch, since so does what these give: second",)


def test_infinities_do_not_look_like_other_inputs() -> None:
    model = made(Repeated, 1)
    with torch.no_grad():
        model.first.bias[0] = torch.inf
    got = funcsim.compare(model, model, ROWS, include="first")
    assert (got.score, got.layers[0].always_on_a) == (1, 1)
    assert not any("share a batch" in note for note in got.notes_a)


class Adrift(nn.Module):
    """One of its layers runs on something that isn't the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.first, self.head = nn.Linear(2, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((self.first(x) + self.table(x.new_ones(1, 2))).relu())


def test_layers_without_inputs_are_left_out() -> None:
    model = made(Adrift, 1)
    got = funcsim.compare(model, model, ROWS)
    assert [layer.name_a for layer in got.layers] == ["first"]
    assert got.notes_a == ("left out, since they don't give real numbers for each input: table",)


class Moody(nn.Module):
    """Runs its middle layer only where the inputs say so."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last, self.head = (nn.Linear(6, 6) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        if x.sum() > -1e9:
            x = self.middle(x)
        return self.head(self.last(x))


def test_modules_that_run_other_layers_for_other_inputs() -> None:
    model = made(Moody, 1)
    inputs = torch.cat([ROWS[:8], torch.full((1, 6), -1e12) * model.first.weight.sum(dim=0).sign()])
    with pytest.raises(ValueError, match="network a: module middle ran 0 times on these inputs and 1 times on others"):
        funcsim.compare(model, model, [inputs[:8], inputs[8:]], call=lambda m, batch: m(batch))
    got = funcsim.compare(model, model, [inputs[:8], inputs[8:]], call=lambda m, batch: m(batch), exclude="middle")
    assert [layer.name_a for layer in got.layers] == ["first", "last"]
    with pytest.raises(ValueError, match="module middle ran 0 times on these inputs and 1 times on others"):
        funcsim.sketch(model, inputs)  # in the very first run; what is found is found on three inputs


class Again(Moody):
    """Runs its middle layer once more where the inputs say so."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.middle(self.first(x))
        if x.abs().max() > 1e6:
            x = self.middle(x)
        return self.head(self.last(x))


def test_modules_that_run_more_often_for_other_inputs() -> None:
    model = made(Again, 1)
    batches = [ROWS[:8], ROWS[8:] * 1e9]
    with pytest.raises(ValueError, match="module middle ran 2 times on these inputs and 1 times on others"):
        funcsim.sketch(model, batches, call=lambda m, batch: m(batch))


class Experts(nn.Module):
    """Runs its middle layer on those inputs only that it is for."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last, self.head = (nn.Linear(6, 6) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        its_own = x[:, 0] < 1e3
        x = self.first(x)
        x = x.masked_scatter(its_own[:, None], self.middle(x[its_own]))
        return self.head(self.last(x))


def test_layers_that_not_all_inputs_come_to() -> None:
    model = made(Experts, 1)
    inputs = ROWS.clone()
    inputs[9, 0] = 1e6
    with pytest.raises(ValueError, match=r"layer middle: gave \[32, 6\] for 33 inputs, without these on axis 0"):
        funcsim.sketch(model, inputs)
    assert len(funcsim.sketch(model, inputs, exclude="middle").layers) == 2


class Sized(nn.Module):
    """Runs another layer for every other number of inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(5))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[4](self.layers[3](self.layers[len(x) % 2](self.layers[2](x).relu())))


def test_modules_that_run_other_layers_for_other_numbers() -> None:
    model = made(Sized, 1)
    words = r"network b: .* for 3 inputs others run than for 2 \(layers\.0, layers\.1\), which exclude= leaves out"
    with pytest.raises(ValueError, match=words):
        funcsim.compare(made(Repeated, 1), model, ROWS)
    with pytest.raises(ValueError, match=words.replace(r"layers\.0, ", "")):
        funcsim.compare(made(Repeated, 1), model, ROWS, exclude="layers.0")
    got = funcsim.compare(model, model, ROWS, exclude=["layers.0", "layers.1"])
    assert [layer.name_a for layer in got.layers] == ["layers.2", "layers.3"]


def test_batches_whose_inputs_can_not_be_counted() -> None:
    with pytest.raises(ValueError, match=r"no affine layer .* rows of its first tensor 'table', \[5\]; what"):
        funcsim.compare(made(Coupled, 1), made(Coupled, 1), {"table": torch.zeros(5), "x": ROWS})


class Tupled(Coupled):
    """One of its layers gives a tuple for more than three inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.second.register_forward_hook(lambda _module, _inputs, output: (output,) if len(output) > 3 else output)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.first(x))
        return self.head(x[0] if isinstance(x, tuple) else x)


def test_layers_that_give_something_else_later() -> None:
    model = made(Tupled, 1)
    with pytest.raises(ValueError, match="layer second: gave a tuple, and a tensor in the first run"):
        funcsim.sketch(model, ROWS)
    assert [layer.name for layer in funcsim.sketch(model, ROWS[:3]).layers] == ["first", "second"]


class Counting(nn.Module):
    """Remembers how many inputs it was run on."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 6), nn.Linear(6, units), nn.Linear(units, 2)
        self.idle = nn.ModuleList(nn.Linear(1, 1) for _ in range(8))
        self.counts: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.counts.append(len(x))
        return self.head(self.second(self.first(x)))


def test_how_many_inputs_are_run_at_a_time() -> None:
    """As many as let no pre-activation take more than 32 MiB, whichever layers are wanted."""
    for units, rows, options, expected in (
        (6, 2000, {}, [1024, 976]),
        (1 << 18, 33, {}, [32, 1]),
        (1 << 18, 33, {"include": "first"}, [32, 1]),
    ):
        model = Counting(units)
        kept = funcsim.sketch(model, torch.randn(rows, 6), num_hashes=1, **options)
        assert model.counts == [2, 3, *expected]
        assert kept.num_inputs == rows
    assert [run_size(size, None) for size in (1, 1 << 15, 1 << 16, 1 << 30)] == [1024, 1024, 512, 8]
    assert [run_size(size, torch.device("cuda")) for size in (1 << 18, 1 << 30)] == [1024, 8]


def test_long_lists_of_names_are_cut() -> None:
    model = Counting(6)
    (note,) = funcsim.compare(model, model, ROWS).notes_a
    assert note.startswith("not seen, since they did not run as modules: idle.0, idle.1,")
    assert note.endswith("idle.5 and 2 more")
