"""Every example of the README runs, and the README shows what is there."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BUILD = pathlib.Path(os.environ.get("FUNCSIM_BUILD_DIR", ROOT / "build"))


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


PYTHON = code_blocks("python")


def test_every_kind_of_example_is_there() -> None:
    assert len(PYTHON) == 3
    assert len(PYTHON[0].split("\n\n", 1)[1].splitlines()) + 3 <= 10, "the first example has at most ten lines"
    assert "NetworkSketch" in PYTHON[1]
    assert "torch.jit.script" in PYTHON[2]


# torch.jit is deprecated upstream, and says so.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_python_example_runs(
    number: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # From a file, and not by exec(): TorchScript reads the source.
    file = tmp_path / f"readme_example_{number}.py"
    file.write_text(PYTHON[number], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, file.stem, module)
    spec.loader.exec_module(module)
    assert re.search(r"0\.\d{3}|tensor\(0\.\d", capsys.readouterr().out), "a score is printed"


def test_cpp_example_is_the_file() -> None:
    assert code_blocks("cpp") == [(ROOT / "examples" / "compare_sequentials.cpp").read_text(encoding="utf-8")]


@pytest.mark.built_with_torch
def test_cpp_example_runs() -> None:
    program = BUILD / "examples" / "compare_sequentials"
    if not program.exists() and os.environ.get("FUNCSIM_REQUIRE_EXAMPLES") != "1":
        pytest.skip(f"{program} is not built")
    done = subprocess.run([program], capture_output=True, text=True, check=True, timeout=120)
    score = re.match(r"score ([\d.]+), chance ([\d.]+), adjusted ([\d.]+) \(exact", done.stdout)
    assert score, done.stdout
    assert 0.5 < float(score[3]) < float(score[1]) < 1


def test_commands_are_those_of_run() -> None:
    shown = set(re.findall(r"\./run ([a-z-]+)", README))
    commands = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True).stdout
    assert {"demo", "test"} <= shown
    assert shown <= set(re.findall(r"^\./run ([a-z-]+)", commands, flags=re.MULTILINE))
