"""The README shows what is there; test_pages.py runs its commands."""

import pathlib
import re
import subprocess

import built
import pages
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "README.md"


def code_blocks(language: str) -> list[str]:
    return [block.text for block in pages.read_blocks(README) if block.info == language]


def test_every_kind_of_example_is_there() -> None:
    python = code_blocks("python")
    assert len(python) == 4
    assert len(python[0].split("\n\n", 1)[1].splitlines()) + 3 <= 10, "the first example has at most ten lines"
    assert "NetworkSketch" in python[1]
    assert "funcsim.align" in python[2]
    assert "torch.jit.script" in python[3]
    assert len(code_blocks("cpp")) == 1


@pytest.mark.built_with_torch
def test_cpp_example_runs() -> None:
    printed = built.output_of("examples/compare_sequentials")
    score = re.match(r"score ([\d.]+), chance ([\d.]+), adjusted ([\d.]+) \(exact", printed)
    assert score, printed
    assert 0.5 < float(score[3]) < float(score[1]) < 1


def test_commands_are_those_of_run() -> None:
    shown = set(re.findall(r"\./run ([a-z-]+)", README.read_text(encoding="utf-8")))
    commands = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True).stdout
    assert {"demo", "test"} <= shown
    assert shown <= set(re.findall(r"^\./run ([a-z-]+)", commands, flags=re.MULTILINE))
