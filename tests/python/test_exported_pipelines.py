"""The drift monitor of the examples: exported in three forms, run in fresh processes of Python and in C++."""

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from types import ModuleType

import funcsim
import pytest
import torch
from torch import nn

# torch.jit is deprecated upstream, and says so; torch.export of 2.11 reads weights from memory that it can't write to.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:The given buffer is not writable:UserWarning"),
]

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "exported_pipelines"
TORCHSCRIPT, PROGRAM, PACKAGE = FORMS = ["monitor.pt", "monitor.pt2", "monitor.aoti.pt2"]
LIVES = ["first.pt", "last.pt"]

# First the commands of the environment that runs the tests: cmake and ninja.
PATH = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])

WIDTH = "item 0 (Linear(64, 128)): expects inputs whose last dimension is 64 (in_features), got [N, 63]"
DTYPE = "inputs must be float32 like the parameters, got float64 [360, 64]"
FLAT = "inputs must be [inputs, features...] with at least one input, got float32 [64]"


@dataclass(frozen=True)
class Done:
    """How a process ended."""

    code: int
    printed: list[str]
    errors: str


def run(*command: object, folder: pathlib.Path, variables: dict[str, str] | None = None) -> Done:
    environment = {**os.environ, "PATH": PATH, **(variables or {})}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)
    return Done(done.returncode, done.stdout.splitlines(), done.stderr)


def run_python(*arguments: object, folder: pathlib.Path, variables: dict[str, str] | None = None) -> Done:
    return run(sys.executable, "-W", "ignore", *arguments, folder=folder, variables=variables)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder that monitor.py has written, with what it printed in log.txt, and files of bad input."""
    folder = tmp_path_factory.mktemp("monitor")
    cache = {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path_factory.mktemp("inductor"))}
    done = run_python(EXAMPLE / "monitor.py", folder=folder, variables=cache)
    assert done.code == 0, done.errors
    (folder / "log.txt").write_text("\n".join(done.printed), encoding="utf-8")
    inputs, live = torch.load(folder / "inputs.pt"), torch.load(folder / "first.pt")
    files = {
        "narrow": inputs[:, :63].clone(),
        "double": inputs.double(),
        "flat": inputs[0].clone(),
        "twelve": inputs[:12].clone(),
        "narrow_live": {**live, "0.weight": live["0.weight"][:, :63].clone()},
        "double_live": {name: weight.double() for name, weight in live.items()},
        "other_live": {**live, "9.weight": live["0.weight"]},
    }
    for name, value in files.items():
        torch.save(value, folder / f"{name}.pt")
    return folder


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """run_monitor, built by a project that knows of funcsim what is installed."""
    source, build = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("build")
    for name in ("CMakeLists.txt", "run_monitor.cpp"):
        shutil.copy(EXAMPLE / name, source)
    torch_folder = pathlib.Path(torch.__file__).parent
    options = [f"-DCMAKE_PREFIX_PATH={funcsim.cmake_prefix_path}", f"-DFUNCSIM_TORCH_DIR={torch_folder}"]
    for command in (["cmake", "-G", "Ninja", "-S", source, "-B", build, *options], ["cmake", "--build", build]):
        done = run(*command, folder=source)
        assert done.code == 0, "\n".join(done.printed) + done.errors
    return build / "run_monitor"


@pytest.fixture(scope="module")
def run_monitor() -> ModuleType:
    """run_monitor.py, for what needs no process of its own."""
    spec = importlib.util.spec_from_file_location("run_monitor", EXAMPLE / "run_monitor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))


def expected(saved: pathlib.Path, inputs: str, live: str) -> str:
    """What must be printed for a set of live weights: compare's numbers for the networks themselves."""
    reference, other = network(), network()
    state = torch.export.load(saved / PROGRAM).state_dict
    prefix = "comparer.network_a."
    reference.load_state_dict({key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)})
    other.load_state_dict(torch.load(saved / ("last.pt" if live == "as saved" else live)))
    result = funcsim.compare(reference, other, torch.load(saved / inputs))
    return f"{live}: score {result.score}, chance {result.chance}, adjusted {result.adjusted}"


def test_the_log_shows_the_drift(saved: pathlib.Path) -> None:
    lines = (saved / "log.txt").read_text(encoding="utf-8").splitlines()
    number = r"(0\.\d{4})"
    found = [re.fullmatch(rf"batch +\d+: score {number}, chance {number}, adjusted {number}", line) for line in lines]
    adjusted = [float(match[3]) for match in found if match]
    assert len(adjusted) == len(lines) == 12
    assert adjusted[0] > 0.8
    assert adjusted[-1] < 0.5
    last = re.findall(r"[\d.]+", expected(saved, "inputs.pt", "as saved"))
    assert [f"{float(value):.4f}" for value in last] == re.findall(number, lines[-1])


@pytest.mark.parametrize("monitor", FORMS)
def test_a_fresh_python_gets_compares_numbers(saved: pathlib.Path, monitor: str) -> None:
    done = run_python(EXAMPLE / "run_monitor.py", monitor, "inputs.pt", *LIVES, folder=saved)
    assert done.code == 0, done.errors
    assert done.printed == [expected(saved, "inputs.pt", live) for live in ("as saved", *LIVES)]


@pytest.mark.parametrize("inputs", ["inputs.pt", "twelve.pt"])
@pytest.mark.parametrize("monitor", [TORCHSCRIPT, PACKAGE])
def test_cpp_gets_compares_numbers(saved: pathlib.Path, program: pathlib.Path, monitor: str, inputs: str) -> None:
    done = run(program, monitor, inputs, *LIVES, folder=saved)
    assert done.code == 0, done.errors
    assert done.printed == [expected(saved, inputs, live) for live in ("as saved", *LIVES)]


@pytest.mark.parametrize(("inputs", "words"), [("narrow.pt", WIDTH), ("double.pt", DTYPE), ("flat.pt", FLAT)])
@pytest.mark.parametrize("monitor", [TORCHSCRIPT, PACKAGE])
def test_bad_inputs_get_our_message_in_cpp(
    saved: pathlib.Path, program: pathlib.Path, monitor: str, inputs: str, words: str
) -> None:
    done = run(program, monitor, inputs, folder=saved)
    assert (done.code, done.printed) == (1, [])
    assert f"compare_with_chance: network a: {words}" in done.errors
    # AOTInductor's exception has the message from torch 2.13 on; before, it was on stderr only.
    if monitor == PACKAGE and torch.__version__ >= (2, 13):
        assert done.errors.splitlines()[-1] == f"run_monitor: compare_with_chance: network a: {words}"


@pytest.mark.parametrize(("inputs", "words"), [("narrow.pt", WIDTH), ("double.pt", DTYPE), ("flat.pt", FLAT)])
@pytest.mark.parametrize("monitor", FORMS)
def test_bad_inputs_are_refused_in_python(
    saved: pathlib.Path,
    run_monitor: ModuleType,
    capfd: pytest.CaptureFixture[str],
    monitor: str,
    inputs: str,
    words: str,
) -> None:
    score, _ = run_monitor.load(str(saved / monitor))
    # torch.export looks at shapes itself, before operators do.
    with pytest.raises((RuntimeError, AssertionError, IndexError)) as error:
        score(torch.load(saved / inputs))
    said = str(error.value) + capfd.readouterr().err
    if monitor == PROGRAM and words != DTYPE:
        assert re.search(r"Guard failed: inputs\.size\(\)\[1\] == 64|tuple index out of range", said)
    else:
        assert f"compare_with_chance: network a: {words}" in said


@pytest.mark.parametrize(
    ("live", "words"),
    [
        ("narrow_live.pt", "item 0 (Linear(64, 128)): weight must be [128, 64], got float32 [128, 63]"),
        ("double_live.pt", "inputs must be float64 like the parameters, got float32 [360, 64]"),
        ("other_live.pt", "comparer.network_b.9.weight"),
    ],
)
@pytest.mark.parametrize("monitor", [TORCHSCRIPT, PACKAGE])
def test_live_weights_that_do_not_fit_are_refused_in_cpp(
    saved: pathlib.Path, program: pathlib.Path, monitor: str, live: str, words: str
) -> None:
    done = run(program, monitor, "inputs.pt", live, folder=saved)
    assert (done.code, done.printed) == (1, [expected(saved, "inputs.pt", "as saved")])
    assert words in done.errors


@pytest.mark.parametrize(("live", "name"), [("narrow_live.pt", "0.weight"), ("other_live.pt", "9.weight")])
@pytest.mark.parametrize("monitor", FORMS)
def test_live_weights_that_do_not_fit_are_refused_in_python(
    saved: pathlib.Path,
    run_monitor: ModuleType,
    capfd: pytest.CaptureFixture[str],
    monitor: str,
    live: str,
    name: str,
) -> None:
    score, update = run_monitor.load(str(saved / monitor))

    def update_and_score() -> None:
        update(torch.load(saved / live))
        score(torch.load(saved / "inputs.pt"))

    with pytest.raises(RuntimeError) as error:
        update_and_score()
    said = str(error.value) + capfd.readouterr().err
    assert name in said or "weight must be [128, 64], got float32 [128, 63]" in said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "usage: run_monitor MONITOR INPUTS [LIVE ...]"),
        (["missing.pt", "inputs.pt"], 1, "run_monitor: "),
        ([PROGRAM, "inputs.pt"], 1, "run_monitor: monitor.pt2 is a program of torch.export, which LibTorch can't run"),
        ([TORCHSCRIPT, "missing.pt"], 1, "run_monitor: cannot open missing.pt"),
        ([TORCHSCRIPT, "first.pt"], 1, "run_monitor: Expected Tensor but got GenericDict"),
    ],
)
def test_the_program_says_what_is_wrong(
    saved: pathlib.Path, program: pathlib.Path, arguments: list[str], code: int, words: str
) -> None:
    done = run(program, *arguments, folder=saved)
    assert (done.code, done.printed) == (code, [])
    assert done.errors.startswith(words)


def test_the_program_takes_no_symbol_of_funcsim(program: pathlib.Path) -> None:
    def dump(option: str) -> str:
        done = run("readelf", "--wide", option, program, folder=program.parent)
        assert done.code == 0, done.errors
        return "\n".join(done.printed)

    assert "libfuncsim.so" in dump("--dynamic")
    assert "funcsim" not in dump("--dyn-syms")
