"""The TorchScript example: Python saves a module, a C++ program without Python runs it, and both get the same score."""

import os
import pathlib
import subprocess
import sys

import pytest
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FUNCSIM_BUILD_DIR", ROOT / "build"))
SCRIPT = ROOT / "examples" / "torchscript_score" / "score_module.py"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, pathlib.Path, float]:
    """Module, inputs and the score that Python got."""
    folder = tmp_path_factory.mktemp("score")
    module, inputs = folder / "score.pt", folder / "inputs.pt"
    # torch.jit is deprecated upstream, and says so.
    command = [sys.executable, "-W", "ignore", SCRIPT, module, inputs]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return module, inputs, float(done.stdout)


def _program() -> pathlib.Path:
    program = BUILD / "examples" / "run_score"
    if not program.exists() and os.environ.get("FUNCSIM_REQUIRE_EXAMPLES") != "1":
        pytest.skip(f"{program} is not built")
    return program


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_saved_module_scores_as_it_did(saved: tuple[pathlib.Path, pathlib.Path, float]) -> None:
    module, inputs, expected = saved
    assert 0 < expected < 1
    assert torch.jit.load(module)(torch.load(inputs)).item() == expected


@pytest.mark.built_with_torch
def test_the_program_gets_the_same_score(saved: tuple[pathlib.Path, pathlib.Path, float]) -> None:
    module, inputs, expected = saved
    done = subprocess.run([_program(), module, inputs], capture_output=True, text=True, check=True, timeout=120)
    assert float(done.stdout) == expected


@pytest.mark.built_with_torch
def test_the_program_says_what_is_wrong(
    saved: tuple[pathlib.Path, pathlib.Path, float], tmp_path: pathlib.Path
) -> None:
    module, inputs, _ = saved
    for arguments, code, words in (
        ([], 2, "usage: run_score MODULE INPUTS"),
        ([tmp_path / "missing", inputs], 1, "run_score: "),
        ([module, tmp_path / "missing"], 1, "run_score: cannot open"),
    ):
        done = subprocess.run([_program(), *arguments], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code
        assert words in done.stderr
