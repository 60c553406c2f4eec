"""Progress bars: on terminals only, with rate and time left, and nothing of Rich imported without need."""

import itertools
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from typing import Any

import funcsim
import pytest
import torch
from command_line import Terminal
from funcsim import progress
from module_zoo import Repeated
from test_modules import ROWS, made
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

MODEL = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
INPUTS = torch.randn(5000, 6, generator=torch.Generator().manual_seed(0))
CLASSES = INPUTS[:, 0].gt(0).long()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    return Terminal()


RUNS: dict[str, Callable[..., object]] = {
    "compare": lambda **options: funcsim.compare(MODEL, MODEL, INPUTS, **options),
    "compare modules": lambda **options: funcsim.compare(made(Repeated, 1), made(Repeated, 2), INPUTS, **options),
    "layer_similarity": lambda **options: funcsim.layer_similarity(MODEL, MODEL, INPUTS, **options),
    "sketch": lambda **options: funcsim.sketch(MODEL, INPUTS, **options),
    "prune_report": lambda **options: funcsim.prune_report(MODEL, MODEL, INPUTS, **options),
    "align": lambda **options: funcsim.align(MODEL, MODEL, INPUTS, **options),
    "align by correlation": lambda **options: funcsim.align(
        MODEL, MODEL, INPUTS.split(999), similarity="correlation", **options
    ),
    "merge": lambda **options: funcsim.merge(MODEL, [MODEL, MODEL], INPUTS.split(999), **options),
    "merge by weights": lambda **options: funcsim.merge(
        MODEL, MODEL, INPUTS.split(999), similarity="weights", **options
    ),
    "barrier": lambda **options: funcsim.barrier(MODEL, MODEL, INPUTS, CLASSES, weights=3, **options),
    "barrier unrepaired": lambda **options: funcsim.barrier(
        MODEL, MODEL, INPUTS, CLASSES, weights=3, repair=False, repair_inputs=INPUTS[:99], **options
    ),
    "stability": lambda **options: funcsim.stability(MODEL, INPUTS, sigmas=[0.1], **options),
    "stability of batches": lambda **options: funcsim.stability(MODEL, INPUTS.split(999), sigmas=[0.1], **options),
}


FIRST = {  # what is done first
    **dict.fromkeys(
        ("compare", "layer_similarity", "sketch", "stability", "prune_report", "align"), "reading the network"
    ),
    "merge": "gathering the inputs",
    "barrier": "the ends of the path",
}


@pytest.mark.parametrize("run", RUNS)
def test_bars_on_a_terminal(run: str, terminal: Terminal) -> None:
    for wanted in (True, None):
        with redirect_stderr(terminal):
            RUNS[run](progress=wanted)
        shown = terminal.getvalue()
        assert FIRST[run.split(" ", maxsplit=1)[0]] in shown
        assert "5000/5000" in shown
        assert "inputs/s" in shown
        assert shown.endswith("\x1b[2K"), "the bar stays"
        terminal.truncate(0)
        terminal.seek(0)
    with redirect_stderr(terminal):
        RUNS[run](progress=False)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("run", RUNS)
def test_silence_elsewhere(run: str, capfd: pytest.CaptureFixture[str]) -> None:
    for wanted in (True, None, False):
        RUNS[run](progress=wanted)
    assert capfd.readouterr() == ("", "")


def test_bars_end_when_something_goes_wrong(terminal: Terminal) -> None:
    def batches() -> Iterator[torch.Tensor]:
        yield INPUTS
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"), redirect_stderr(terminal):
        funcsim.compare(MODEL, MODEL, batches(), progress=True)
    assert "4096/?" in terminal.getvalue()
    assert "\x1b[?25h" in terminal.getvalue(), "the cursor is back"


class _Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(INPUTS)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (INPUTS, 5000),
        ({"x": INPUTS, "n": 3}, 5000),
        (list(INPUTS.split(999)), 5000),
        ([(INPUTS[:7], 0), {"x": INPUTS[:3]}], 10),
        (DataLoader(TensorDataset(INPUTS), batch_size=64), 5000),
        (DataLoader(TensorDataset(INPUTS), sampler=range(70)), 70),
        (DataLoader(_Endless()), None),
        (iter([INPUTS]), None),
    ],
)
def test_how_many_inputs_will_come(inputs: Any, expected: int | None) -> None:
    assert progress.expected_inputs(inputs) == expected


def test_a_stream_without_an_end(terminal: Terminal) -> None:
    with redirect_stderr(terminal):
        funcsim.compare(MODEL, MODEL, itertools.islice(itertools.repeat(INPUTS[:100]), 3), progress=True)
    assert "300/?" in terminal.getvalue()


def test_bad_options(monkeypatch: pytest.MonkeyPatch) -> None:
    for run in RUNS.values():
        with pytest.raises(TypeError, match="progress must be True, False or None, got 'yes'"):
            run(progress="yes")
    monkeypatch.setattr(progress, "find_spec", lambda _name: None)
    with pytest.raises(ImportError, match="pip install rich"):
        funcsim.compare(MODEL, MODEL, ROWS, progress=True)
    funcsim.compare(MODEL, MODEL, ROWS)


def test_without_rich_on_a_terminal(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> None:
    monkeypatch.setattr(progress, "find_spec", lambda _name: None)
    with redirect_stderr(terminal):
        funcsim.compare(MODEL, MODEL, ROWS)
    assert terminal.getvalue() == ""


def test_rich_is_imported_where_there_is_something_to_show_only() -> None:
    code = (
        "import sys, torch, funcsim\n"
        "m = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Linear(4, 2))\n"
        "funcsim.compare(m, m, torch.randn(20, 6), progress=True)\n"
        "print([name for name in ('rich', 'torchvision', 'transformers') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


STAGES: dict[str, tuple[Callable[..., object], list[str]]] = {
    "compare": (
        lambda: funcsim.compare(MODEL, MODEL, INPUTS, cka=True, interval=0.9, shuffles=3, details=True, progress=True),
        ["matching units", "CKA", "intervals", "shuffles for p-values", "matching units under chance", "layers"],
    ),
    "layer_similarity": (lambda: funcsim.layer_similarity(MODEL, MODEL, INPUTS, progress=True), ["comparing layers"]),
    "merge": (
        lambda: funcsim.merge(MODEL, [MODEL, MODEL], INPUTS.split(999), progress=True),
        ["matching units", "averaging and repairing"],
    ),
    "barrier": (lambda: funcsim.barrier(MODEL, MODEL, INPUTS, CLASSES, weights=3, progress=True), ["aligning"]),
}


@pytest.mark.parametrize("run", STAGES)
def test_what_reads_no_inputs_has_a_bar_of_its_own(run: str, terminal: Terminal) -> None:
    call, stages = STAGES[run]
    with redirect_stderr(terminal):
        call()
    frames = terminal.getvalue().split("\r")
    for stage in stages:
        of_stage = [frame for frame in frames if stage in frame]
        assert of_stage, stage
        assert not any("5000/5000" in frame or "inputs/s" in frame for frame in of_stage), "the bar of what was read"


def test_time_left_and_rate_of_shuffles(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    step = progress._Bar.step

    def seen(bar: Any) -> None:
        step(bar)
        bar._bars.refresh()

    monkeypatch.setattr(progress._Bar, "step", seen)
    with redirect_stderr(terminal):
        funcsim.compare(MODEL, MODEL, INPUTS, shuffles=4, progress=True)
    shuffling = [frame for frame in terminal.getvalue().split("\r") if "shuffles for p-values" in frame]
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", " ".join(shuffling))
    assert "2/4" in text
    assert re.search(r"3/4 +[\d,]+ shuffles/s \d:\d\d:\d\d \d:\d\d:\d\d", text), "rate, time gone, time left"


def test_shuffles_can_be_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def sources(num_inputs: int, _seed: int, shuffles: int) -> Iterator[torch.Tensor]:
        for shuffle in range(shuffles):
            done.append(shuffle)
            if shuffle == 3:
                signal.raise_signal(signal.SIGINT)
            yield torch.arange(num_inputs)

    monkeypatch.setattr("funcsim.uncertainty.shuffle_sources", sources)
    with pytest.raises(KeyboardInterrupt):
        funcsim.compare(MODEL, MODEL, INPUTS, shuffles=10_000)
    assert done == [0, 1, 2, 3]
