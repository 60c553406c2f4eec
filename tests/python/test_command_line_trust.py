"""The command line unpickles nothing unasked."""

import io
import os
import pathlib
import pickle
import zipfile

import command_line
import pytest
import torch
from command_line import complaint, funcsim, result
from funcsim_cli.models.exported import _nothing_unpickled
from test_command_line_models import mlp, save

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
        assert funcsim(folder, *command, *ON, "-o", "out.pt", "--trust-pickle").code == 0
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
