"""Options whose effect a result of equal networks on a CPU doesn't show."""

import contextlib
import pathlib

import command_line
import funcsim as package
import numpy as np
import pytest
import torch
from command_line import funcsim, result
from funcsim_cli.models import load_model, load_models

NAME = "cli_applied"
A, B = f"a.safetensors@{NAME}:make", f"b.safetensors@{NAME}:make"
ON = ["--inputs", "inputs.npy"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("applied")
    command_line.fill(made, NAME)
    return made


def test_layers_takes_and_leaves_layers(folder: pathlib.Path) -> None:
    inputs = torch.from_numpy(np.load(folder / "inputs.npy"))
    with contextlib.chdir(folder):
        a, b = load_model(A), load_model(B)
    for option in ("include", "exclude"):
        expected = package.layer_similarity(a, b, inputs, **{option: ["0"]})
        got = result(folder, "layers", A, B, *ON, f"--{option}", "0")
        assert len(expected.names_a) == 1
        assert got["names_a"] == list(expected.names_a)
        assert got["scores"] == [[pytest.approx(float(score)) for score in row] for row in expected.scores]


def test_info_draws_weights_by_seed(folder: pathlib.Path) -> None:
    code = "import torch\n\n\ndef make():\n    return torch.nn.Linear(4, int(torch.randint(1, 10000, ())))\n"
    (folder / "cli_drawn.py").write_text(code, encoding="utf-8")
    sizes = [result(folder, "info", "cli_drawn:make", "--seed", seed)["parameters"] for seed in (1, 1, 2)]
    assert sizes[0] == sizes[1] != sizes[2]


def test_demo_takes_a_seed_as_others_do(tmp_path: pathlib.Path) -> None:
    for seed in (-1, 0):
        assert funcsim(tmp_path, "demo", "--quiet", "--seed", seed, "--output", f"made{seed}").code == 0
    one, other = (np.load(tmp_path / f"made{seed}" / "inputs.npy") for seed in (-1, 0))
    assert not np.array_equal(one, other)


def test_networks_are_put_on_the_device(folder: pathlib.Path) -> None:
    """Which every command hands on: test_where_networks_and_inputs_come_from."""
    with contextlib.chdir(folder):
        for device, expected in (("meta", "meta"), ("cpu", "cpu"), (None, "cpu")):
            (loaded,) = load_models([A], seed=0, device=device, trust_pickle=False)
            assert {parameter.device.type for parameter in loaded.module.parameters()} == {expected}
