"""Messages are in the words of the command line, and name the file that was meant."""

import contextlib
import pathlib

import command_line
import pytest
import torch
from command_line import complaint, funcsim
from funcsim_cli.models import load_model
from torch.nn.utils import prune

NAME = "cli_messages"
A, B = f"a.safetensors@{NAME}:make", f"b.safetensors@{NAME}:make"
ON = ["--inputs", "inputs.npy"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("messages")
    command_line.fill(made, NAME)
    (made / "empty.pt").touch()
    (made / "cut.pt").write_bytes((made / "a.pt").read_bytes()[:2000])
    (made / "text.npy").write_text("hello", encoding="utf-8")
    (made / "empty.npy").touch()
    return made


# What is typed, what the paragraph says, and what it doesn't.
SAID: dict[str, tuple[list[object], str, str]] = {
    "choice": (["compare", A, B, "--method", "exakt"], "'--method': 'exakt' is not one of", "Value error"),
    "integer": (["compare", A, B, "--limit", "x"], "expected a valid integer, got 'x'", "unable to parse"),
    "number": (["compare", A, B, "--fail-below", "x"], "expected a valid number, got 'x'", "unable to parse"),
    "range": (["compare", A, B, "--limit", "0"], "expected a number greater than or equal to 1, got '0'", "Input"),
    "interval": (["compare", A, B, *ON, "--interval", "95"], ": --interval must be a confidence", "None"),
    "hashes": (["compare", A, B, *ON, "--num-hashes", "0"], ": --num-hashes must be from 1", "num_hashes"),
    "pair": (["compare", A, B, *ON, "--pair", "0:9"], ": --pair names layer 9", "pairs"),
    "include": (["compare", A, B, *ON, "--include", "x", "--include", "y"], "by --include 'x' --include 'y'", "="),
    "exclude": (["compare", A, B, *ON, "--exclude", "*"], "by --exclude '*'", "="),
    "eps": (["stability", A, *ON, "--eps=-1"], ": --eps must be", "--debug"),
    "merge": (["merge", A, *ON, "-o", "m.pt"], "nothing to merge: expected two or more networks, got one", "merge: m"),
    "device": (["compare", A, B, *ON, "--device", "gpu"], "gpu can't be used: expected cpu, cuda", "opengl"),
    "backend": (["compare", A, B, *ON, "--device", "mps"], "from the 'MPS' backend)", "Facebook"),
    "bar": (["compare", A, B, *ON, "--fail-below", "90"], "--fail-below': expected a number from -1 to 1", "Value"),
    "bar for nothing": (["compare", A, B, *ON, "--fail-on", "adjusted"], "--fail-below is about, which isn't", "got"),
    "model in capitals": (["info", "A.PT"], "Did you mean a.pt?", "None"),
    "weights misspelt": (["info", f"a.safetensor@{NAME}:make"], "Did you mean a.safetensors?", "None"),
    "inputs misspelt": (["compare", A, B, "-i", "input.npy"], "Did you mean inputs.npy?", "None"),
    "nothing like it": (["info", "zzzz.pt"], "or torchvision:NAME.", "Did you"),
    "empty model": (["info", "empty.pt"], "got an empty file", "another kind"),
    "model cut off": (["info", "cut.pt"], "got a file that is damaged or was cut off", "another kind"),
    "weights cut off": (["info", f"cut.pt@{NAME}:make"], "got a file that is damaged or was cut off", "another kind"),
    "empty inputs": (["compare", A, B, "-i", "empty.pt"], "got an empty file", "classes"),
    "inputs cut off": (["compare", A, B, "-i", "cut.pt"], "got a file that is damaged or was cut off", "classes"),
    "empty array": (["compare", A, B, "-i", "empty.npy"], "got an empty file", "allow_pickle"),
    "text as an array": (["compare", A, B, "-i", "text.npy"], "got a file of another kind", "allow_pickle"),
    "a network as inputs": (["compare", A, B, "-i", "a.pt"], "got a network, a file of TorchScript", "weights_only"),
}


@pytest.mark.parametrize("name", SAID)
def test_messages(name: str, folder: pathlib.Path) -> None:
    given, words, others = SAID[name]
    text = complaint(folder, *given)
    assert words in text
    assert others not in text


@pytest.mark.parametrize("command", ["stability", "sketch", "merge", "prune-report"])
def test_help_names_no_sketch_where_none_will_do(command: str, folder: pathlib.Path) -> None:
    assert "a sketch;" not in funcsim(folder, command, "--help").out
    assert "a sketch;" in funcsim(folder, "compare", "--help").out


def test_classes_of_a_pickle_are_looked_for_in_the_working_folder(tmp_path: pathlib.Path) -> None:
    command_line.fill(tmp_path, "cli_pickled")
    code = "import cli_pickled, torch; torch.save(cli_pickled.Residual(), 'whole.pt')"
    command_line.python(tmp_path, "-c", code)
    done = command_line.python(tmp_path, "-P", "-m", "funcsim_cli", "info", "whole.pt", "--trust-pickle")
    assert "Residual" in done


def test_pruned_state_dicts(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """As torch.nn.utils.prune leaves them."""
    with contextlib.chdir(folder):
        network = load_model(A)
        for layer in network[::2]:
            prune.l1_unstructured(layer, "weight", amount=0.5)
        prune.random_unstructured(network[0], "bias", amount=0.3)
        torch.save(network.state_dict(), tmp_path / "pruned.pt")
        loaded = load_model(f"{tmp_path / 'pruned.pt'}@{NAME}:make")
        inputs = torch.randn(5, 6)
        assert torch.equal(loaded(inputs), network(inputs))
        assert loaded.state_dict().keys() == load_model(A).state_dict().keys()


def test_weights_of_parametrized_layers(folder: pathlib.Path) -> None:
    layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(6, 8))
    torch.save({f"0.{name}": tensor for name, tensor in layer.state_dict().items()}, folder / "parametrized.pt")
    assert "remove_parametrizations" in complaint(folder, "info", f"parametrized.pt@{NAME}:make")


def test_info_lists_every_layer_that_is_seen(folder: pathlib.Path) -> None:
    (folder / "cli_derived.py").write_text(
        "from torch import nn\n\n\nclass Own(nn.Linear):\n    pass\n\n\n"
        "def make():\n    return nn.Sequential(nn.ConvTranspose1d(2, 3, 2), Own(4, 4))\n",
        encoding="utf-8",
    )
    seen = command_line.result(folder, "info", "cli_derived:make")["affine layers"]
    assert [line.partition("(")[0] for line in seen] == ["0: ConvTranspose1d", "1: Own"]
