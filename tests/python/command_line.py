"""The command line in this process, and files to try it on."""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from funcsim_cli.main import run
from safetensors.torch import save_file
from torch import nn

MODULE = """\
import torch
from torch import nn


def make():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.inward = nn.Linear(6, 8)
        self.block = nn.Linear(8, 8)
        self.outward = nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu(self.inward(x))
        return self.outward(x + torch.relu(self.block(x)))


def convolutional():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(4, 2))


def odd():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.PixelShuffle(2), nn.Conv2d(1, 2, 3))


def loader():
    data = torch.utils.data.TensorDataset(torch.from_numpy(__import__("numpy").load("inputs.npy")), torch.zeros(300))
    return torch.utils.data.DataLoader(data, batch_size=64)


def small(image):
    from torchvision.transforms.functional import to_tensor
    return to_tensor(image.resize((10, 10)))


network = make().eval()
batches = [torch.ones(4, 6), torch.zeros(4, 6)]
named = {"x": torch.ones(4, 6), "two": torch.arange(24.0).reshape(4, 6) - 12}
number = 7


def fails():
    raise KeyError("nothing here")


def leaves():
    raise SystemExit(3)


def wrong():
    return 7
"""


@dataclass(frozen=True)
class Done:
    """What a command did.

    Attributes:
        code: Its exit code.
        out: What it printed to standard output.
        err: To standard error.
    """

    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def funcsim(folder: pathlib.Path, *arguments: object, terminal: bool = False) -> Done:
    """Runs ``funcsim`` in a folder. Lines are as wide as they like.

    Args:
        folder: Where.
        arguments: Behind the name of the command.
        terminal: Whether standard error says that it is a terminal. Standard output doesn't.
    """
    out, err = io.StringIO(), Terminal() if terminal else io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("default")
        code = run([str(argument) for argument in arguments])
    return Done(code, out.getvalue(), err.getvalue())


def result(folder: pathlib.Path, *arguments: object) -> dict[str, Any]:
    """What a command that must succeed writes as JSON."""
    done = funcsim(folder, *arguments, "--json", "-")
    assert done.code == 0, done.err
    return json.loads(done.out)


def complaint(folder: pathlib.Path, *arguments: object) -> str:
    """The paragraph of a command that must end with 2 and print nothing else."""
    done = funcsim(folder, *arguments)
    assert done.code == 2, (done.code, done.out, done.err)
    assert done.out == ""
    assert "Traceback" not in done.err
    lines = done.err.splitlines()
    assert lines
    assert all(line.strip() for line in lines), "more than one paragraph"
    assert max(map(len, lines)) <= max(80, *(len(word) for word in done.err.split()))
    text = " ".join(lines)
    assert text.startswith("funcsim")
    assert text.endswith((".", "?"))
    return text


def fill(folder: pathlib.Path, name: str) -> None:
    """Puts networks and inputs into a folder.

    Args:
        folder: Where to.
        name: Of the module that makes the networks. Another one for each folder, since modules are imported once.
    """
    (folder / f"{name}.py").write_text(MODULE, encoding="utf-8")
    torch.manual_seed(0)
    inputs = torch.randn(300, 6)
    np.save(folder / "inputs.npy", inputs.numpy())
    np.save(folder / "double.npy", inputs.double().numpy())
    save_file({"one": inputs, "two": inputs + 1}, folder / "several.safetensors")
    save_file({"one": inputs}, folder / "single.safetensors")
    torch.save(inputs, folder / "inputs.pt")
    torch.save({"x": inputs, "labels": torch.zeros(300)}, folder / "named.pt")
    for letter in "ab":
        network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
        save_file(dict(network.state_dict()), folder / f"{letter}.safetensors")
        torch.save(network.state_dict(), folder / f"{letter}_state.pt")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.trace(network, inputs[:2]).save(str(folder / f"{letter}.pt"))


def image_folder(folder: pathlib.Path) -> None:
    """Puts images into a folder, in two classes."""
    from PIL import Image

    generator = np.random.default_rng(0)
    for number in range(6):
        file = folder / ("cats" if number < 3 else "dogs") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (12, 14, 3), dtype=np.uint8)).save(file)


def environment() -> dict[str, str]:
    """For a process of its own: that of this one, which finds the package where this one does."""
    import funcsim_cli

    found = str(pathlib.Path(funcsim_cli.__file__).parents[1])
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [found, os.environ.get("PYTHONPATH")]))}


def python(folder: pathlib.Path, *arguments: str) -> str:
    """What a process of its own prints, which must succeed."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
