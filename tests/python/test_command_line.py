"""The command line as a whole: help, time, completion, bad use."""

import json
import os
import pathlib
import pty
import re
import subprocess
import sys

import command_line
import funcsim as package
import pytest
import torch
import typer
from command_line import complaint, funcsim, result
from funcsim_cli.app import COMMANDS, app
from funcsim_cli.errors import Problem

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "cli_networks"
A, B = f"a.safetensors@{NAME}:make", f"b.safetensors@{NAME}:make"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("cli")
    command_line.fill(made, NAME)
    return made


def process(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "funcsim_cli", *arguments]
    variables = command_line.environment()
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False, **options)


def options_of(command: str) -> dict[str, list[str]]:
    """The options of a command, by their first name."""
    found = typer.main.get_command(app).commands[command].params
    return {parameter.opts[0]: [*parameter.opts, *parameter.secondary_opts] for parameter in found}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_option_and_shows_examples(command: str, tmp_path: pathlib.Path) -> None:
    done = funcsim(tmp_path, command, "--help")
    assert (done.code, done.err) == (0, "")
    text = " ".join(re.sub("[│─╭╮╰╯]", " ", done.out).split())
    for names in options_of(command).values():
        assert all(name in text for name in names if name.startswith("-")), names
    assert command == "help" or f"funcsim {command}" in text.partition("Examples")[2]


def test_no_command_shows_help(tmp_path: pathlib.Path) -> None:
    done = funcsim(tmp_path)
    assert done.code == 2  # as every program does that needs a command
    assert "compare" in done.out


@pytest.mark.parametrize("topic", ["models", "inputs"])
def test_topics(topic: str, tmp_path: pathlib.Path) -> None:
    done = funcsim(tmp_path, "help", topic)
    assert done.code == 0
    assert "package.module:" in done.out


def test_info_loads_nothing_slow_beside_torch() -> None:
    code = (
        "import sys\nfrom funcsim_cli.main import run\nrun(['info', '--quiet'])\n"
        "slow = {'torchvision', 'datasets', 'transformers', 'pandas', 'plotly', 'matplotlib', 'torch._inductor'}\n"
        "print('torch' in sys.modules, sorted(slow & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"


@pytest.mark.parametrize("arguments", [["--help"], ["compare", "--help"], ["--version"], ["compare", "a", "--bad"]])
def test_nothing_loads_torch_before_it_is_needed(arguments: list[str], tmp_path: pathlib.Path) -> None:
    code = (
        "import sys\nfrom funcsim_cli.main import run\n"
        f"run({arguments!r})\nprint(sorted({{'torch', 'numpy', 'funcsim'}} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=command_line.environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(tmp_path: pathlib.Path) -> None:
    assert funcsim(tmp_path, "--version") == command_line.Done(0, f"funcsim {package.__version__}\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    variables = command_line.environment() | {"_FUNCSIM_COMPLETE": f"complete_{shell}"}
    variables |= {"COMP_WORDS": "funcsim co", "COMP_CWORD": "1"}  # bash
    variables |= {"_TYPER_COMPLETE_ARGS": "funcsim co", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}  # zsh, fish
    command = [sys.executable, "-m", "funcsim_cli"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert "compare" in done.stdout, done.stderr
    assert "layers" not in done.stdout


def test_completion_can_be_shown() -> None:
    done = process("--show-completion", "bash")
    assert done.returncode == 0
    assert "_FUNCSIM_COMPLETE" in done.stdout


# What is typed, and words that the paragraph must have.
BAD: dict[str, tuple[list[object], list[str]]] = {
    "no such command": (["compar"], ["compar", "compare", "--help"]),
    "no such option": (["compare", A, B, "--metod", "exact"], ["--metod", "--method", "funcsim compare --help"]),
    "missing argument": (["compare", A], ["'B'"]),
    "no such choice": (["compare", A, B, "--method", "guess"], ["guess", "auto", "exact", "minhash"]),
    "no number": (["compare", A, B, "--seed", "x"], ["--seed", "'x'"]),
    "too large a seed": (["compare", A, B, "--seed", str(1 << 63)], ["--seed", "9223372036854775807"]),
    "no inputs": (["compare", A, B], ["--inputs", "funcsim help inputs"]),
    "no such inputs": (["compare", A, B, "-i", "none.npy"], ["no file or folder none.npy", "expected", ".npy"]),
    "no such model": (["compare", "none.pt", B, "-i", "inputs.npy"], ["no file none.pt", "expected", "TorchScript"]),
    "no such weights": (["compare", f"none.pt@{NAME}:make", B, "-i", "inputs.npy"], ["no file none.pt"]),
    "weights alone": (["compare", "a.safetensors", B, "-i", "inputs.npy"], ["a.safetensors", "@", "function"]),
    "no such module": (["compare", "a.safetensors@nomodule:make", B, "-i", "inputs.npy"], ["no module nomodule"]),
    "no such function": (["compare", f"a.safetensors@{NAME}:mak", B, "-i", "inputs.npy"], ["no mak", "make"]),
    "a function that fails": (["compare", f"{NAME}:fails", B, "-i", "inputs.npy"], ["KeyError", "nothing here"]),
    "a function that leaves": (["compare", f"{NAME}:leaves", B, "-i", "inputs.npy"], ["leaves() fails: SystemExit: 3"]),
    "a function of no module": (["compare", f"{NAME}:wrong", B, "-i", "inputs.npy"], ["torch.nn.Module", "got int"]),
    "an architecture by no name": (["compare", "a.safetensors@make", B, "-i", "inputs.npy"], ["expected package"]),
    "nothing behind the at": (["compare", "a.safetensors@", B, "-i", "inputs.npy"], ["WEIGHTS@ARCHITECTURE"]),
    "a folder": (["compare", ".", B, "-i", "inputs.npy"], ["expected a file", "folder"]),
    "not a network": (["compare", "inputs.npy", B, "-i", "inputs.npy"], ["inputs.npy", "another kind"]),
    "nothing for a model": (["info", ""], ["no file ''", "expected", "TorchScript"]),
    "nothing for inputs": (["compare", A, B, "-i", ""], ["--inputs is empty", "expected"]),
    "no bar": (["compare", A, B, "-i", "inputs.npy", "--fail-below", "nan"], ["--fail-below", "expected a number"]),
    "no bar either": (["prune-report", A, B, "-i", "inputs.npy", "--fail-below", "nan"], ["--fail-below", "'nan'"]),
    "no inputs either": (["compare", A, B, "-i", f"{NAME}.py"], ["expected inputs in a", ".py"]),
    "no folder for JSON": (["compare", A, B, "-i", "inputs.npy", "--json", "no/x.json"], ["--json", "mkdir -p no"]),
    "no file for HTML": (["compare", A, B, "-i", "inputs.npy", "--html", "."], ["--html", "got a folder"]),
    "bad positions": (["compare", "none.pt", B, "-i", "none.npy", "--positions", "some"], ["--positions", "all, any"]),
    "no positions": (["compare", A, B, "-i", "inputs.npy", "--positions", "0"], ["positions", "got 0"]),
    "bad pair": (["compare", A, B, "-i", "inputs.npy", "--pair", "0-1"], ["--pair", "0:1", "'0-1'"]),
    "no such pair": (["compare", A, B, "-i", "inputs.npy", "--pair", "0:7"], ["7"]),
    "bad interval": (["compare", A, B, "-i", "inputs.npy", "--interval", "2"], ["interval", "2"]),
    "no such layer": (["compare", A, B, "-i", "inputs.npy", "--include", "conv*"], ["conv*", "There are 0, 2"]),
    "no such device": (["compare", A, B, "-i", "inputs.npy", "--device", "abacus"], ["--device abacus", "cpu, cuda"]),
    "inputs that don't fit": (["compare", A, B, "-i", "wide.npy"], ["network a", "6", "7"]),
    "one input too few axes": (["compare", A, B, "-i", "flat.npy"], ["at least 2 dimensions"]),
    "NaN": (["compare", A, B, "-i", "nan.npy"], ["NaN"]),
    "phi of sketches": (
        ["compare", A, B, "-i", "inputs.npy", "--method", "minhash", "--similarity", "phi"],
        ["phi", "minhash"],
    ),
    "bad sigmas": (["stability", A, "-i", "inputs.npy", "--sigmas", "a,b"], ["--sigmas", "commas", "'a,b'"]),
    "negative sigma": (["stability", A, "-i", "inputs.npy", "--sigmas=-1"], ["-1"]),
    "bad threshold": (["prune-report", A, B, "-i", "inputs.npy", "--threshold", "3"], ["threshold", "3"]),
    "no output": (["sketch", A, "-i", "inputs.npy"], ["--output"]),
    "one network to merge": (["merge", A, "-o", "m.pt", "-i", "inputs.npy"], ["two or more", "got one"]),
    "no suffix": (["merge", A, B, "-o", "m.bin", "-i", "inputs.npy"], [".safetensors", "got .bin"]),
    "shares": (["merge", A, B, "-o", "m.pt", "-i", "inputs.npy", "--weight", "0.5,0.5"], ["one share", "[0.5, 0.5]"]),
    "a demo elsewhere": (["demo", "--output", "."], ["new or empty"]),
    "no such topic": (["help", "everything"], ["everything", "models", "inputs"]),
    "a module that isn't one": (["info", f"{NAME}:number"], ["torch.nn.Module", "got int"]),
}


@pytest.fixture(scope="module")
def bad_folder(folder: pathlib.Path) -> pathlib.Path:
    import numpy as np

    np.save(folder / "wide.npy", np.zeros((10, 7), np.float32))
    np.save(folder / "flat.npy", np.zeros(10, np.float32))
    np.save(folder / "nan.npy", np.full((10, 6), np.nan, np.float32))
    return folder


@pytest.mark.parametrize("name", BAD)
def test_bad_use_is_explained_in_a_paragraph(name: str, bad_folder: pathlib.Path) -> None:
    arguments, words = BAD[name]
    text = complaint(bad_folder, *arguments)
    for word in words:
        assert word in text, f"no {word!r} in: {text}"


def test_debug_shows_where(folder: pathlib.Path) -> None:
    done = funcsim(folder, "compare", A, B, "-i", "inputs.npy", "--positions", "0", "--debug")
    assert done.code == 2
    assert "Traceback" in done.err
    assert "settings.py" in done.err


def test_what_funcsim_noticed_itself_has_a_hint(bad_folder: pathlib.Path) -> None:
    assert "--debug shows where" in complaint(bad_folder, "compare", A, B, "-i", "nan.npy")
    for given in ([], ["-i", "inputs.npy", "--positions", "0"], ["-i", "inputs.npy", "--include", "none"]):
        assert "--debug" not in complaint(bad_folder, "compare", A, B, *given)


def test_interrupted(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(package, "compare", interrupt)
    done = funcsim(folder, "compare", A, B, "-i", "inputs.npy")
    assert (done.code, done.err) == (130, "funcsim compare: interrupted\n")


def test_interrupted_while_it_is_imported() -> None:
    code = (
        "import sys\n\n\nclass Interrupts:\n    def find_spec(self, name, *_):\n        if name == 'typer':\n"
        "            raise KeyboardInterrupt\n\n\nsys.meta_path.insert(0, Interrupts())\n"
        "from funcsim_cli.main import main\nmain(['info'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=command_line.environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "funcsim info: interrupted\n")


@pytest.mark.parametrize("arguments", ["info --json -", "info", "compare --help"])
def test_a_reader_that_has_seen_enough(arguments: str) -> None:
    command = f"set -o pipefail; {sys.executable} -m funcsim_cli {arguments} | true"
    variables = command_line.environment()
    done = subprocess.run(["bash", "-c", command], env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_typer(folder: pathlib.Path) -> None:
    code = "import sys\nsys.modules['typer'] = None\nfrom funcsim_cli.main import main\nmain(['info'])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=command_line.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'funcsim[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_warning_is_a_line(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for name in ("one", "two"):
        done = funcsim(folder, "sketch", A, "-i", "several.safetensors", "--key", name, "-o", tmp_path / name)
        assert done.code == 0, done.err
    done = funcsim(folder, "compare", tmp_path / "one", tmp_path / "two")
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert line.startswith("funcsim: warning: the inputs of network a")


def on_a_terminal(folder: pathlib.Path, *arguments: str) -> tuple[str, str]:
    """What a command prints, and what it shows on a terminal that standard error is."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "funcsim_cli", *arguments]
    variables = command_line.environment() | {"TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=theirs, text=True) as run:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # its other end was closed
                break
            if not part:
                break
            shown += part
        assert run.stdout is not None
        printed = run.stdout.read()
    os.close(ours)
    return printed, shown.decode()


LONG = {
    "compare": ([A, B, "--json", "-"], "reading the networks"),
    "layers": ([A, B, "--json", "-"], "reading the networks"),
    "prune-report": ([A, B, "--json", "-"], "reading the networks"),
    "stability": ([A, "--json", "-"], ""),
    "sketch": ([A, "--output", "shown.safetensors"], "reading the network"),
    "merge": ([A, B, "--output", "merged.safetensors"], "gathering the inputs"),
}


@pytest.mark.parametrize("command", LONG)
def test_progress_is_shown_on_a_terminal_only_and_can_be_turned_off(
    command: str, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as this process can tell what a terminal is."""
    arguments, doing = LONG[command]
    given = [command, *arguments, "-i", "inputs.npy"]
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = funcsim(folder, *given, terminal=True).err
    assert "\x1b[" in shown  # lines that are drawn again and again
    assert doing in shown
    for silent in ("--no-progress", "--quiet"):
        assert "\x1b[" not in funcsim(folder, *given, silent, terminal=True).err
    assert "\x1b[" not in funcsim(folder, *given).err


def test_progress_on_a_real_terminal(folder: pathlib.Path) -> None:
    printed, shown = on_a_terminal(folder, "compare", A, B, "-i", "inputs.npy", "--json", "-")
    assert json.loads(printed)["num_inputs"] == 300
    assert "reading the networks" in shown
    assert "\x1b[" in shown


def test_info(folder: pathlib.Path) -> None:
    installed = result(folder, "info")
    assert installed["funcsim"] == package.__version__
    assert installed["torch"] == torch.__version__
    assert installed["instructions"] == package.simd_level()
    assert pathlib.Path(installed["library"]).exists()
    assert "torchvision" in installed["optional packages"]
    done = funcsim(folder, "info")
    assert done.code == 0
    assert torch.__version__ in done.out
    assert funcsim(folder, "info", "--quiet").out == ""
    assert funcsim(folder, "info", "--debug").code == 0


def test_info_of_networks(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    sequential = result(folder, "info", A)
    assert sequential["read"] == "canonical form"
    assert sequential["architecture"].endswith("Linear(8, 3)")
    assert sequential["parameters"] == 6 * 8 + 8 + 8 * 8 + 8 + 8 * 3 + 3
    other = result(folder, "info", f"{NAME}:Residual", "--seed", 3)
    assert other["read"] == "hooks"
    assert [line.partition(":")[0] for line in other["affine layers"]] == ["inward", "block", "outward"]
    assert funcsim(folder, "sketch", A, "-i", "inputs.npy", "-o", tmp_path / "s").code == 0
    assert result(folder, "info", tmp_path / "s")["inputs"] == 300


def test_info_says_why_a_sequential_is_read_by_hooks(folder: pathlib.Path) -> None:
    seen = result(folder, "info", f"{NAME}:odd")
    assert seen["read"] == "hooks"
    assert "Bilinear" in seen["why"] or "PixelShuffle" in seen["why"]


def test_demo(tmp_path: pathlib.Path) -> None:
    done = funcsim(tmp_path, "demo", "--output", "made", "--seed", 1)
    assert done.code == 0, done.err
    rows = {line[:28].strip(): [float(word) for word in line[28:].split()] for line in done.out.splitlines()[2:]}
    assert rows["itself"][0] == rows["permuted, rescaled copy"][0] == 1
    assert rows["next checkpoint"][2] > rows["other seed"][2] > rows["untrained"][2]
    for command in re.findall("^  funcsim (.*)$", done.err, re.MULTILINE):
        tried = funcsim(tmp_path / "made", *command.split())
        assert tried.code == 0, (command, tried.err)
    assert done.err.count("\n  funcsim ") == 6


def test_demo_says_nothing_when_quiet(tmp_path: pathlib.Path) -> None:
    done = funcsim(tmp_path, "demo", "--quiet")
    assert done == command_line.Done(0, "", "")


def test_demo_draws_by_seed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(seed: int) -> None:
        raise Problem(f"seed {seed}")

    monkeypatch.setattr("funcsim_cli.demonstration.make_demonstration", make)
    assert complaint(tmp_path, "demo", "--seed", "7") == "funcsim demo: seed 7."
    assert complaint(tmp_path, "demo") == "funcsim demo: seed 0."
