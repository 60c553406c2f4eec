"""The command line unpickles nothing unasked."""

import io
import json
import os
import pathlib
import pickle
import re
import zipfile
from collections.abc import Callable

import command_line
import pytest
import torch
from command_line import complaint, funcsim, result
from funcsim_cli.models.exported import _nothing_unpickled
from test_command_line_models import mlp, save
from torch import nn
from torch.nn import functional

NAME = "cli_trust"
ON = ["--inputs", "inputs.npy"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("trust")
    command_line.fill(made, NAME)
    return made


class Marks:
    """Leaves a file where it is unpickled."""

    def __init__(self, file: pathlib.Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.file}",)


def test_nothing_is_unpickled_unless_it_is_trusted(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    mark = tmp_path / "ran"
    torch.save(Marks(mark), folder / "evil.pt")
    (folder / "evil.pkl").write_bytes(pickle.dumps(Marks(mark)))
    save(mlp().eval(), torch.randn(4, 6), "export", tmp_path)
    with (
        zipfile.ZipFile(tmp_path / "network.pt2") as good,
        zipfile.ZipFile(folder / "evil.pt2", "w", zipfile.ZIP_STORED) as evil,
    ):
        names = good.namelist()
        assert any("sample_inputs" in name for name in names)
        for name in names:
            content = good.read(name)
            if "sample_inputs" in name:
                buffer = io.BytesIO()
                torch.save(Marks(mark), buffer)
                content = buffer.getvalue()
            evil.writestr(name, content)
    for source in ("evil.pt", f"evil.pt@{NAME}:make", "evil.pkl", "evil.pt2"):
        text = complaint(folder, "info", source)
        assert "--trust-pickle" in text
        assert not mark.exists(), source
    text = complaint(folder, "compare", "a.pt", "b.pt", "-i", "evil.pt")
    assert "--trust-pickle" in text
    assert not mark.exists()
    for given in (["info", "evil.pt"], ["info", "evil.pt2"], ["info", f"evil.pt@{NAME}:make"], ["sketch", "a.pt"]):
        inputs = ["-i", "evil.pt", "-o", "x"] if given[0] == "sketch" else []
        funcsim(folder, *given, *inputs, "--trust-pickle")
        assert mark.exists(), given  # the file does do it
        mark.unlink()


def test_a_pickled_network_needs_trust(folder: pathlib.Path) -> None:
    torch.save(mlp().eval(), folder / "whole.pt")
    assert "--trust-pickle" in complaint(folder, "info", "whole.pt")
    assert result(folder, "info", "whole.pt", "--trust-pickle")["kind"] == "Sequential"
    for command in (["compare", "whole.pt", "a.pt"], ["layers", "whole.pt", "a.pt"], ["stability", "whole.pt"]):
        assert result(folder, *command, *ON, "--trust-pickle")
    assert result(folder, "prune-report", "a.pt", "whole.pt", *ON, "--trust-pickle")
    for command in (["sketch", "whole.pt"], ["merge", "whole.pt", "whole.pt"]):
        assert funcsim(folder, *command, *ON, "-o", f"{command[0]}.pt", "--trust-pickle").code == 0
    (folder / "bad.pkl").write_bytes(b"\x80\x04no pickle")
    assert "damaged" in complaint(folder, "info", "bad.pkl", "--trust-pickle")


def test_downloaded_weights_are_not_unpickled(
    folder: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchvision")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    torch.save(Marks(tmp_path / "ran"), tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    assert "more than tensors" in complaint(folder, "info", "torchvision:squeezenet1_1:DEFAULT")
    assert not (tmp_path / "ran").exists()


def test_nothing_is_unpickled_while_a_program_is_loaded(tmp_path: pathlib.Path) -> None:
    """Which of these torch.export.load calls is its own affair, and another one in other versions of torch."""
    mark = tmp_path / "ran"
    content = pickle.dumps(Marks(mark))
    torch.save(Marks(mark), tmp_path / "evil.pt")
    with _nothing_unpickled():
        for unpickle in (
            lambda: pickle.loads(content),
            lambda: pickle.load(io.BytesIO(content)),
            lambda: torch.load(tmp_path / "evil.pt", weights_only=False),
        ):
            with pytest.raises(pickle.UnpicklingError):
                unpickle()
    assert not mark.exists()


def changed(whole: pathlib.Path, made: pathlib.Path, change: Callable[[str], str], extra: dict[str, bytes]) -> None:
    """A .pt2 file with another program, and with more in it."""
    with zipfile.ZipFile(whole) as good, zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as other:
        for name in good.namelist():
            content = good.read(name)
            other.writestr(name, change(content.decode()).encode() if name.endswith("model.json") else content)
        folder = name.partition("/")[0]
        for name, content in extra.items():
            other.writestr(f"{folder}/{name}", content)


def test_sizes_in_programs_are_formulas(tmp_path: pathlib.Path) -> None:
    """SymPy evaluates them as Python."""
    mark = tmp_path / "ran"
    whole = save(mlp().eval(), torch.randn(4, 6), "export", tmp_path)
    for code in (
        f"__import__('os').system('touch {mark}')",
        f"Add(\"__import__('os').system('touch {mark}')\", Integer(1))",
        f"Symbol(\"__import__('os').system('touch {mark}')\")",
    ):

        def put(text: str, code: str = code) -> str:
            return re.sub(r'"expr_str": "[^"]*"', lambda _: f'"expr_str": {json.dumps(code)}', text)

        changed(whole, tmp_path / "evil.pt2", put, {})
        text = complaint(tmp_path, "info", "evil.pt2")
        assert "evil.pt2 holds code where PyTorch writes sizes" in text
        assert "--trust-pickle" in text
        assert not mark.exists()
    changed(whole, tmp_path / "evil.pt2", lambda text: put(text, f"__import__('os').system('touch {mark}')"), {})
    funcsim(tmp_path, "info", "evil.pt2", "--trust-pickle")
    assert mark.exists()  # the file does do it


def test_sizes_that_pytorch_writes(tmp_path: pathlib.Path) -> None:
    class Cuts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = functional.interpolate(x, scale_factor=1.5)[:, :, :6]
            return self.layer(torch.cat([x, x], 1)[:, : max(1, x.shape[1] // 3)])

    program = torch.export.export(Cuts().eval(), (torch.randn(2, 9, 7),), dynamic_shapes=({1: torch.export.Dim.AUTO},))
    torch.export.save(program, tmp_path / "cuts.pt2")
    with zipfile.ZipFile(tmp_path / "cuts.pt2") as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("model.json"))
        assert b"Max(Integer(1), FloorDiv(" in archive.read(name)
    assert len(result(tmp_path, "info", "cuts.pt2")["affine layers"]) == 1


def test_machine_code_is_not_loaded(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = save(mlp().eval(), torch.randn(4, 6), "export", tmp_path)
    changed(whole, tmp_path / "compiled.pt2", str, {"data/aotinductor/model/code.so": b"code"})
    loaded: list[object] = []
    monkeypatch.setattr("torch.export.pt2_archive._package._load_aoti", lambda *given: loaded.append(given))
    text = complaint(tmp_path, "info", "compiled.pt2")
    assert "(ValueError: it holds a compiled program)" in text
    assert not loaded


def test_why_a_program_can_not_be_loaded_is_a_paragraph(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = save(mlp().eval(), torch.randn(4, 6), "export", tmp_path)
    changed(whole, tmp_path / "new.pt2", lambda text: text.replace("aten.gelu.default", "aten.news.default"), {})
    text = complaint(tmp_path, "info", "new.pt2")
    assert "aten.news.default" in text
    assert "warnings above" not in text
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]
