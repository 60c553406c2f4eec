"""Where the command line takes networks from: they are those that were saved."""

import contextlib
import os
import pathlib
import shutil
import warnings
import zipfile
from collections.abc import Callable

import command_line
import funcsim as package
import pytest
import torch
from command_line import complaint, funcsim, result
from funcsim_cli.errors import Problem
from funcsim_cli.models import load_model
from module_zoo import Loops
from torch import Tensor, nn
from torch.nn import functional

NAME = "cli_models"
ON = ["--inputs", "inputs.npy"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("models")
    command_line.fill(made, NAME)
    return made


def mlp() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(6, 12), nn.LeakyReLU(0.1), nn.Linear(12, 8), nn.LayerNorm(8), nn.GELU(), nn.Dropout(), nn.Linear(8, 3)
    )


def cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=4),
        nn.GroupNorm(2, 8),
        nn.PReLU(8),
        nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
        nn.BatchNorm1d(10),
        nn.Hardtanh(),
        nn.Linear(10, 4),
        nn.LogSoftmax(1),
    )


def line() -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(2, 4, 3), nn.ELU(), nn.MaxPool1d(2), nn.Conv1d(4, 4, 3, dilation=2), nn.Sigmoid(),
                         nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 2))  # fmt: skip


class Nested(nn.Module):
    """A chain whose layers are in parts, called by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Linear(6, 8), nn.ReLU())
        self.head = nn.ModuleDict({"hidden": nn.Linear(8, 8), "out": nn.Linear(8, 3)})

    def forward(self, x: Tensor) -> Tensor:
        return self.head["out"](functional.relu(self.head["hidden"](self.features(x))))


class Residual(nn.Module):
    """No chain: a sum of two ways."""

    def __init__(self) -> None:
        super().__init__()
        self.inward = nn.Linear(6, 8)
        self.norm = nn.BatchNorm1d(8)
        self.block = nn.Linear(8, 8)
        self.outward = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.inward(x)))
        x = x + torch.relu(self.block(x))
        x = x + torch.relu(self.block(x))  # the same weights once more
        return self.outward(x)


class Attention(nn.Module):
    """Weights that aren't named as a Linear has them."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.inward = nn.Linear(4, 8)
        self.outward = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inward(x)
        return self.outward(torch.relu(x + self.attention(x, x, x, need_weights=False)[0]))


class InPlace(nn.Module):
    """A function that changes a tensor, whose result nobody takes."""

    def __init__(self) -> None:
        super().__init__()
        self.inward = nn.Linear(6, 8)
        self.outward = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inward(x)
        x.relu_()
        return self.outward(x)


def statistics_moved(network: nn.Module, inputs: Tensor) -> nn.Module:
    """In eval mode, with statistics of its own."""
    network.train()(inputs)
    return network.eval()


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (mlp, (6,)),
    "cnn": (cnn, (3, 16, 16)),
    "line": (line, (2, 16)),
    "nested": (Nested, (6,)),
    "residual": (Residual, (6,)),
    "in place": (InPlace, (6,)),
}


def save(network: nn.Module, inputs: Tensor, how: str, folder: pathlib.Path) -> pathlib.Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if how == "export":
            file = folder / "network.pt2"
            shapes = ({0: torch.export.Dim("inputs")},)
            torch.export.save(torch.export.export(network, (inputs,), dynamic_shapes=shapes), file)
        else:
            file = folder / "network.pt"
            script = torch.jit.script(network) if how == "script" else torch.jit.trace(network, inputs)
            script.save(str(file))
    return file


@pytest.mark.parametrize("how", ["script", "trace", "export"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_network_is_the_same_network(name: str, how: str, tmp_path: pathlib.Path) -> None:
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    inputs = torch.randn(64, *shape)
    network = statistics_moved(make(), inputs)
    loaded = load_model(str(save(network, inputs, how, tmp_path)))
    assert isinstance(loaded, nn.Module)
    assert not any(module.training for module in loaded.modules())
    with torch.no_grad():
        torch.testing.assert_close(loaded(inputs[:5]), network(inputs[:5]))
    comparison = package.compare(network, loaded, inputs)
    assert comparison.score == 1
    if name not in ("residual", "in place"):
        assert isinstance(loaded, nn.Sequential)
    if isinstance(network, nn.Sequential):
        assert comparison.read_b == "canonical form"
        assert package.describe(loaded) == package.describe(network)
        assert [layer.name_b for layer in comparison.layers] == [layer.name_a for layer in comparison.layers]
        names = [key for key in network.state_dict() if "tracked" not in key]
        assert [key for key in loaded.state_dict() if "tracked" not in key] == names


@pytest.mark.parametrize("how", ["script", "trace", "export"])
def test_layers_have_the_names_of_their_modules(how: str, tmp_path: pathlib.Path) -> None:
    nested = load_model(str(save(Nested().eval(), torch.randn(4, 6), how, tmp_path)))
    assert isinstance(nested, nn.Module)
    assert nested.state_dict().keys() == Nested().state_dict().keys()
    inputs = torch.randn(64, 6)
    residual = load_model(str(save(Residual().eval(), inputs, how, tmp_path)))
    comparison = package.compare(residual, residual, inputs)
    assert [layer.name_a for layer in comparison.layers] == ["inward", "block", "block#2"]


@pytest.mark.parametrize("how", ["trace", "export"])
def test_attention(how: str, tmp_path: pathlib.Path) -> None:
    network = Attention().eval()
    inputs = torch.randn(32, 5, 4)
    was = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        file = save(network, inputs, how, tmp_path)
    finally:
        torch.backends.mha.set_fastpath_enabled(was)
    loaded = load_model(str(file))
    with torch.no_grad():
        torch.testing.assert_close(loaded(inputs[:32]), network(inputs[:32]))
    names = [layer.name_a for layer in package.compare(loaded, loaded, inputs).layers]
    assert names == ["inward", "attention.in_proj", "attention.out_proj"]


@pytest.mark.parametrize("how", ["script", "trace", "export"])
def test_resnet(how: str, tmp_path: pathlib.Path) -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    network = models.resnet18(num_classes=10).eval()
    inputs = torch.randn(8, 3, 32, 32)
    loaded = load_model(str(save(network, inputs, how, tmp_path)))
    comparison = package.compare(network, loaded, inputs)
    assert comparison.score > 0.999
    assert [layer.name_b for layer in comparison.layers] == [layer.name_a for layer in comparison.layers]
    assert len(comparison.layers) == 20


def test_loops_in_torchscript_are_refused(tmp_path: pathlib.Path) -> None:
    file = save(Loops(), torch.randn(4, 6), "script", tmp_path)
    with pytest.raises(Problem, match=r"prim::Loop.*torch\.jit\.trace or torch\.export.*WEIGHTS@"):
        load_model(str(file))


@pytest.mark.parametrize("how", ["trace", "export"])
def test_nothing_affine(how: str, tmp_path: pathlib.Path) -> None:
    file = save(nn.Sequential(nn.ReLU()).eval(), torch.randn(4, 6), how, tmp_path)
    with pytest.raises(Problem, match="no Linear and no convolution"):
        load_model(str(file))


def test_damaged_files(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for name in ("a.pt", "a_state.pt", "a.safetensors"):
        whole = (folder / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        source = str(tmp_path / name)
        with pytest.raises(Problem):
            load_model(source if name == "a.pt" else f"{source}@torch.nn:Identity")
    with zipfile.ZipFile(folder / "a.pt") as whole_archive, zipfile.ZipFile(tmp_path / "b.pt", "w") as broken:
        for entry in whole_archive.namelist():
            broken.writestr(entry, whole_archive.read(entry)[:10])
    with pytest.raises(Problem, match=r"torch\.jit\.load"):
        load_model(str(tmp_path / "b.pt"))
    with zipfile.ZipFile(tmp_path / "c.pt2", "w") as empty:
        empty.writestr("c/archive_format", "pt2")
    with pytest.raises(Problem, match=r"torch\.export\.load"):
        load_model(str(tmp_path / "c.pt2"))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as other:
        other.writestr("readme", "hello")
    with pytest.raises(Problem, match="another kind"):
        load_model(str(tmp_path / "d.zip"))


SAME = ["a.safetensors", "a_state.pt"]


@pytest.mark.parametrize("weights", SAME)
def test_state_dicts(weights: str, folder: pathlib.Path) -> None:
    assert result(folder, "compare", f"{weights}@{NAME}:make", "a.pt", *ON)["score"] == 1


@pytest.mark.parametrize("wrap", ["state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod."])
def test_checkpoints(wrap: str, prefix: str, folder: pathlib.Path) -> None:
    state = torch.load(folder / "a_state.pt", weights_only=True)
    torch.save({"epoch": 3, wrap: {prefix + name: tensor for name, tensor in state.items()}}, folder / "checkpoint.pt")
    assert result(folder, "compare", f"checkpoint.pt@{NAME}:make", "a.pt", *ON)["score"] == 1


def test_weights_keep_their_dtype(folder: pathlib.Path) -> None:
    state = torch.load(folder / "a_state.pt", weights_only=True)
    torch.save({name: tensor.double() for name, tensor in state.items()}, folder / "double.pt")
    assert result(folder, "compare", f"double.pt@{NAME}:make", f"double.pt@{NAME}:make", *ON)["score"] == 1
    with contextlib.chdir(folder):
        loaded = load_model(f"double.pt@{NAME}:make")
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float64}


def test_counters_of_batches_may_be_missing(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    state = {name: tensor for name, tensor in Residual().state_dict().items() if "tracked" not in name}
    torch.save(state, tmp_path / "old.pt")
    loaded = load_model(f"{tmp_path / 'old.pt'}@test_command_line_models:Residual")
    assert torch.equal(loaded.state_dict()["inward.weight"], state["inward.weight"])


def test_weights_that_do_not_fit(folder: pathlib.Path) -> None:
    state = torch.load(folder / "a_state.pt", weights_only=True)
    for change, words in (
        (lambda new: new.pop("0.bias"), "lacks 0.bias"),
        (lambda new: new.update(more=torch.zeros(1)), "also has more"),
        (lambda new: new.update({"2.bias": torch.zeros(7)}), r"has 2.bias [7] for [8]"),
    ):
        new = dict(state)
        change(new)
        torch.save(new, folder / "odd.pt")
        text = complaint(folder, "info", f"odd.pt@{NAME}:make")
        assert words in text
        assert "trained in?" in text
    torch.save({"epoch": 3}, folder / "odd.pt")
    assert "got keys 'epoch'" in complaint(folder, "info", f"odd.pt@{NAME}:make")
    torch.save([1], folder / "odd.pt")
    assert "got list" in complaint(folder, "info", f"odd.pt@{NAME}:make")
    assert "architecture in it" in complaint(folder, "info", f"a.pt@{NAME}:make")
    assert "another kind" in complaint(folder, "info", f"inputs.npy@{NAME}:make")
    done = funcsim(folder, "sketch", "a.pt", *ON, "-o", "sketch.safetensors")
    assert done.code == 0
    assert "got a sketch" in complaint(folder, "info", f"sketch.safetensors@{NAME}:make")
    assert "Name it behind an @" in complaint(folder, "info", "a_state.pt")


def test_import_paths(folder: pathlib.Path) -> None:
    shutil.copy(folder / f"{NAME}.py", folder / "cli_fresh.py")  # which draws random numbers when it is imported
    one = result(folder, "compare", "cli_fresh:make", "cli_fresh:make", *ON, "--seed", "4")
    assert one["score"] == 1  # the same source, the same weights
    assert result(folder, "compare", "cli_fresh:network", "cli_fresh:make", *ON, "--seed", "5")["score"] < 1
    assert result(folder, "info", f"{NAME}:network")["kind"] == "Sequential"
    assert result(folder, "info", "torch.nn:Identity")["affine layers"] == "none"


def test_import_paths_leave_the_random_state(folder: pathlib.Path) -> None:
    before = torch.random.get_rng_state()
    funcsim(folder, "info", f"{NAME}:make")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_module_that_can_not_be_imported(folder: pathlib.Path) -> None:
    (folder / "cli_broken.py").write_text("1 / 0\n", encoding="utf-8")
    assert "importing cli_broken fails: ZeroDivisionError" in complaint(folder, "info", "cli_broken:make")
    (folder / "cli_needs.py").write_text("import nothing_like_it\n", encoding="utf-8")
    assert "no module nothing_like_it" in complaint(folder, "info", "cli_needs:make")


def test_torchvision(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = pytest.importorskip("torchvision.models")
    first, again, other = (load_model("torchvision:squeezenet1_1", seed=seed) for seed in (1, 1, 2))
    assert isinstance(first, models.SqueezeNet)
    weights = [model.state_dict()["features.0.weight"] for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert "Did you mean resnet18" in complaint(folder, "info", "torchvision:resnet81")
    assert "IMAGENET1K_V1" in complaint(folder, "info", "torchvision:squeezenet1_1:BEST")

    def download(url: str, **keywords: object) -> dict[str, Tensor]:
        assert keywords["check_hash"] is True
        assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"
        return other.state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    loaded = load_model("torchvision:squeezenet1_1:DEFAULT", seed=1)
    assert torch.equal(loaded.state_dict()["features.0.weight"], weights[2])
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ

    def fail(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(Problem, match=r"can't be downloaded \(no network\)"):
        load_model("torchvision:squeezenet1_1:DEFAULT")


def test_torchvision_networks_with_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights are random everywhere; what is trained is made as torchvision makes it."""
    models = pytest.importorskip("torchvision.models")

    def download(*_: object, **__: object) -> dict[str, Tensor]:
        return models.GoogLeNet(init_weights=False).state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    assert isinstance(load_model("torchvision:lraspp_mobilenet_v3_large"), nn.Module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trained = load_model("torchvision:googlenet:IMAGENET1K_V1")
    assert (trained.transform_input, trained.aux1) == (True, None)


def test_without_torchvision(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("funcsim_cli.models.torchvision_models.find_spec", lambda name: None)
    assert "pip install torchvision" in complaint(folder, "info", "torchvision:resnet18")


def test_devices(folder: pathlib.Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    on_cpu = result(folder, "compare", "a.pt", "b.pt", *ON)
    on_cuda = result(folder, "compare", "a.pt", "b.pt", *ON, "--device", "cuda")
    assert on_cuda["score"] == pytest.approx(on_cpu["score"], abs=1e-2)
