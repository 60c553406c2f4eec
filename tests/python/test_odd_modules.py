"""Modules that do unusual things: they are compared as others are, or the error says what to do."""

import pathlib
from collections.abc import Callable
from typing import Any

import funcsim
import pytest
import torch
from oracle import modules
from test_modules import ROWS, made
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint

CALLS = ["layers.0", "layers.1", "layers.2"]


class Chain(nn.Module):
    """Three hidden layers in a list, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Any:
        for layer in self.layers:
            x = layer(x).relu()
        return self.head(x)


class Checkpointed(Chain):
    """Would compute its layers again in the backward pass."""

    def __init__(self, use_reentrant: bool) -> None:
        super().__init__()
        self.use_reentrant = use_reentrant

    def forward(self, x: Tensor) -> Any:
        for layer in self.layers:
            x = checkpoint(layer, x, use_reentrant=self.use_reentrant).relu()
        return self.head(x)


class ScriptInside(Chain):
    """One of its layers is TorchScript, which isn't seen."""

    def __init__(self, frozen: bool = False) -> None:
        super().__init__()
        script = torch.jit.script(nn.Sequential(nn.Linear(6, 6), nn.ReLU()))
        self.script = torch.jit.freeze(script.eval()) if frozen else script

    def forward(self, x: Tensor) -> Any:
        return super().forward(self.script(x))


class GivesNothing(Chain):
    def forward(self, x: Tensor) -> Any:
        super().forward(x)


class NoTraining(Chain):
    def train(self, mode: bool = True) -> nn.Module:
        raise AssertionError("modes are set without it")


class OtherNames(nn.Module):
    """Names with what means something in patterns, names of calls, and not only of ASCII."""

    NAMES = ("слой", "a#2", "a", "层 1", "*", "[x]", "l" * 300)

    def __init__(self) -> None:
        super().__init__()
        for name in (*self.NAMES, "head"):
            self.add_module(name, nn.Linear(6, 6))

    def forward(self, x: Tensor) -> Any:
        for layer in self.children():
            x = layer(x).relu()
        return x


class Positional(Chain):
    """One argument by place only, one with a default."""

    def forward(self, x: Tensor, /, scale: float = 1.0) -> Any:
        return super().forward(x * scale)


class Transposed(nn.Module):
    """Transposed convolutions of one and of three axes."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.three = nn.ConvTranspose1d(1, 4, 3), nn.ConvTranspose3d(4, 5, 2)
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Any:
        x = self.one(x[:, None]).relu()
        return self.head(self.three(x[..., None, None]).relu().mean(dim=(2, 3, 4)))


def _with(change: Callable[[nn.Module], Any]) -> nn.Module:
    model = Chain()
    for layer in model.layers:
        change(layer)
    return model


WORKING: dict[str, tuple[Callable[[], nn.Module], Any, list[str]]] = {
    "a list": (Chain, ROWS, CALLS),
    "checkpoints": (lambda: Checkpointed(False), ROWS, CALLS),
    "reentrant checkpoints": (lambda: Checkpointed(True), ROWS, CALLS),
    "TorchScript inside": (ScriptInside, ROWS, CALLS),
    "frozen TorchScript inside": (lambda: ScriptInside(frozen=True), ROWS, CALLS),
    "weight_norm": (lambda: _with(parametrizations.weight_norm), ROWS, CALLS),
    "spectral_norm": (lambda: _with(parametrizations.spectral_norm), ROWS, CALLS),
    "pruned": (lambda: _with(lambda layer: prune.l1_unstructured(layer, "weight", 0.5)), ROWS, CALLS),
    "gives None": (GivesNothing, ROWS, CALLS),
    "train() that raises": (NoTraining, ROWS, CALLS),
    "odd names": (OtherNames, ROWS, list(OtherNames.NAMES)),
    "an argument by place": (Positional, {"x": ROWS, "scale": 2.0}, CALLS),
    "transposed convolutions": (Transposed, ROWS, ["one", "three"]),
    "an empty batch among others": (Chain, [ROWS[:4], ROWS[:0], ROWS[4:]], CALLS),
    "one input": (Chain, ROWS[:1], CALLS),
    "text in the batches": (Chain, [{"text": ["a"] * 11, "x": part, "id": 3} for part in ROWS.split(11)], CALLS),
    "inputs with gradients": (Chain, ROWS.clone().requires_grad_(), CALLS),
}


SCRIPT = ("not seen, since they are TorchScript within another module: script",)
NOTES = {"TorchScript inside": SCRIPT, "frozen TorchScript inside": SCRIPT}


@pytest.mark.parametrize("name", WORKING)
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad:UserWarning")
def test_it_is_compared_with_its_copy(name: str) -> None:
    make, inputs, layers = WORKING[name]
    model = made(make, 1)
    got = funcsim.compare(model, made(make, 1), inputs)
    assert (got.score, [layer.name_a for layer in got.layers]) == (1, layers)
    assert got.read_a == "hooks"
    assert got.notes_a == NOTES.get(name, ())
    if isinstance(inputs, Tensor):
        assert funcsim.stability(model, inputs, sigmas=[0]).scores.tolist() == [[1]]
        assert funcsim.stability(model, inputs, sigmas=[1]).flipped.item() > 0


class Norms(nn.Module):
    """Normalisations of what a layer gave under another name, turned round, or in parts."""

    def __init__(self) -> None:
        super().__init__()
        self.viewed, self.turned, self.parted, self.changed, self.head = (nn.Linear(6, 6) for _ in range(5))
        self.norm = nn.LayerNorm(6)
        self.inside = WithParts()
        self.own = InPlaceNorm()
        self.last = nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Any:
        x = self.norm(self.viewed(x).view(x.shape)).relu()
        x = self.norm(self.turned(x).transpose(1, 2)).relu()
        x = self.inside(self.parted(x)).relu()
        return self.head(self.last(self.own(self.changed(x))).relu())


class WithParts(nn.Module):
    """A block that ends in Norm, and holds a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Any:
        return self.inner(x)


WithParts.__name__ = "BlockNorm"


class InPlaceNorm(nn.Module):
    """A normalisation that writes into what it is about to give."""

    def forward(self, x: Tensor) -> Any:
        y = x / x.norm(dim=-1, keepdim=True)
        y.mul_(2)
        return y


def test_which_tensors_are_the_very_ones() -> None:
    """A view of all of it is, what was transposed isn't; a module with parts isn't a normalisation."""
    model = made(Norms, 1)
    x = torch.randn(40, 6, 6, generator=torch.Generator().manual_seed(0))
    found = modules.outputs(model, lambda: model(x))
    got = funcsim.compare(model, model, x, positions="all")
    seen = {"viewed": "norm", "turned": "turned", "parted": "parted", "inside.inner": "inside.inner", "changed": "last"}
    assert [layer.name_a for layer in got.layers] == list(seen)
    for layer in got.layers:
        assert torch.equal(layer.counts_a, (found[seen[layer.name_a]][0] > 0).sum(dim=(0, 1)))


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_quantised_networks() -> None:
    """Dynamically quantised Linear layers are seen; their scale is that of a batch."""
    pytest.importorskip("torch.ao.nn.quantized.dynamic")
    model = made(Chain, 1).eval()
    quantised = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    rows = torch.randn(1000, 6, generator=torch.Generator().manual_seed(0))
    got = funcsim.compare(model, quantised, rows)
    assert [layer.name_b for layer in got.layers] == CALLS
    assert 0.9 < got.score < 1
    assert got.notes_b[0].startswith("scores depend on which inputs share a batch")
    with pytest.raises(ValueError, match=r"nothing to put noise on in layers\.0, layers\.1, layers\.2, without param"):
        funcsim.stability(quantised, rows)
    static = nn.Sequential(torch.ao.nn.quantized.Linear(6, 6), torch.ao.nn.quantized.Linear(6, 6))
    with pytest.raises(ValueError, match="of quantised layers only dynamic Linear ones are seen"):
        funcsim.sketch(static, rows)


def test_complex_layers_are_left_out() -> None:
    class Complex(Chain):
        def __init__(self) -> None:
            super().__init__()
            self.layers[1] = nn.Linear(6, 6, dtype=torch.complex64)

        def forward(self, x: Tensor) -> Any:
            x = self.layers[1](self.layers[0](x).to(torch.complex64)).abs()
            return self.head(self.layers[2](x).relu())

    model = made(Complex, 1)
    got = funcsim.compare(model, model, ROWS)
    assert [layer.name_a for layer in got.layers] == ["layers.0", "layers.2"]
    assert got.notes_a == ("left out, since they don't give real numbers for each input: layers.1",)


def test_lazy_modules_are_not_initialised() -> None:
    class Lazy(Chain):
        def __init__(self) -> None:
            super().__init__()
            self.layers[0] = nn.LazyLinear(6)

    model = Lazy()
    with pytest.raises(ValueError, match=r"network b: layers\.0\.weight is not initialised yet: run the module once"):
        funcsim.compare(Chain(), model, ROWS)
    assert isinstance(model.layers[0], nn.LazyLinear)
    with pytest.raises(ValueError, match=r"0\.weight is not initialised yet"):
        funcsim.sketch(nn.Sequential(nn.LazyLinear(6), nn.Linear(6, 2)), ROWS)
    model(ROWS)
    assert funcsim.compare(model, model, ROWS).score == 1


class TwoArguments(Chain):
    def forward(self, x: Tensor, y: Tensor) -> Any:
        return super().forward(x + y)


def test_what_forward_takes_is_said() -> None:
    for inputs in (ROWS, [(ROWS, ROWS)]):
        with pytest.raises(ValueError, match=r"network a: a batch is a tensor, and TwoArguments\.forward takes \(x: "):
            funcsim.compare(TwoArguments(), TwoArguments(), inputs)
    model = made(TwoArguments, 1)
    by_name = funcsim.compare(model, made(TwoArguments, 2), {"x": ROWS, "y": ROWS})
    by_call = funcsim.compare(model, made(TwoArguments, 2), [(ROWS, ROWS)], call=lambda model, batch: model(*batch))
    assert by_name.to_dict()["layers"] == by_call.to_dict()["layers"]


def test_hooks_may_give_what_forward_lacks() -> None:
    model = made(TwoArguments, 1)
    model.register_forward_pre_hook(lambda _module, arguments: (*arguments, arguments[0]))
    assert len(funcsim.sketch(model, ROWS).layers) == 3


def test_errors_of_the_module_are_its_own() -> None:
    class Fails(Chain):
        error: Exception = TypeError("no number")

        def forward(self, x: Tensor) -> Any:
            raise self.error

    with pytest.raises(TypeError, match=r"^network b: no number$"):
        funcsim.compare(Chain(), Fails(), ROWS)
    Fails.error = KeyError("gone")
    with pytest.raises(KeyError, match="gone") as caught:
        funcsim.compare(Chain(), Fails(), ROWS)
    assert caught.value.__notes__ == ["(in network b)"]


def test_no_hidden_layer_says_what_ran() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head, self.idle = nn.LSTM(6, 6), nn.Linear(6, 2), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Any:
            return self.head(self.lstm(x)[0])

    with pytest.raises(ValueError, match=r"modules, got 1 \(head\); these did not run as modules: idle$"):
        funcsim.sketch(Recurrent(), ROWS)


class Unseen(Chain):
    """Has weights in layers of other kinds, and its own."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.recurrent, self.both = nn.Embedding(9, 6), nn.GRU(6, 6), nn.Bilinear(6, 6, 6)
        self.matrix, self.scale = nn.Parameter(torch.randn(6, 6)), nn.Parameter(torch.ones(1, 6))
        self.tied = self.layers[0].weight
        self.activation, self.norm = nn.PReLU(6), nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Any:
        x = self.recurrent(self.words(x.abs().long()).sum(dim=1) * self.scale)[0] @ self.matrix
        return super().forward(self.activation(self.norm(self.both(x, x))))


def test_what_holds_weights_and_is_not_seen_is_listed() -> None:
    notes = funcsim.compare(Unseen(), made(Unseen, 1), ROWS).notes_a
    (unseen,) = (note for note in notes if "no affine modules" in note)
    assert unseen == (
        "not seen, since they are no affine modules: matrix (parameter), words (Embedding), recurrent (GRU), "
        "both (Bilinear)"
    )


def test_sketches_keep_notes(tmp_path: pathlib.Path) -> None:
    a, b = made(Unseen, 1), made(Unseen, 2)
    notes = funcsim.compare(a, b, ROWS).notes_a
    assert notes
    kept = funcsim.sketch(a, ROWS)
    kept.save(tmp_path / "a")
    loaded = funcsim.NetworkSketch.load(tmp_path / "a")
    assert kept.notes == loaded.notes == notes
    assert funcsim.compare(loaded, funcsim.sketch(b, ROWS)).notes_a == notes
    assert funcsim.compare(b, loaded, ROWS).notes_b == notes


class Heads(Chain):
    """Gives three tensors, of which only the last is known to be an output."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.rest = nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Any:
        x = self.layers[0](x).relu()
        inplace = self.layers[1](x)
        inplace += 1
        return {
            "mean": self.mean(x),
            "more": (self.layers[2](x).view(-1, 2, 3), self.rest(x).relu()),
            "x": self.head(x),
        }


def test_hidden_layers_that_are_outputs_are_listed() -> None:
    a, b = made(Heads, 1), made(Heads, 2)
    got = funcsim.compare(a, b, ROWS)
    assert [layer.name_a for layer in got.layers] == ["layers.0", "layers.1", "mean", "layers.2", "rest"]
    returned = "compared like hidden layers, though the module returns what they give: "
    assert f"{returned}mean, layers.2" in got.notes_a
    assert f"{returned}mean" in funcsim.compare(a, b, ROWS, exclude="layers.2").notes_a
    without = funcsim.compare(a, b, ROWS, call=lambda model, x: model(x)["x"])
    assert not any(note.startswith(returned) for note in without.notes_a)
