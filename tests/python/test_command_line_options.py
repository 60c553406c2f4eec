"""What every option of every command does: the same as in Python, which has tests of its own."""

import json
import pathlib
import shlex
from typing import Any

import command_line
import funcsim as package
import numpy as np
import pytest
import torch
import typer
from command_line import Done, funcsim, result
from funcsim_cli.app import COMMANDS, app
from funcsim_cli.errors import Problem
from funcsim_cli.inputs import InputOptions
from funcsim_cli.models import LoadedModel, load_models
from safetensors.torch import load_file
from torch import Tensor, nn

NAME = "cli_options"
A, B = f"a.safetensors@{NAME}:make", f"b.safetensors@{NAME}:make"
ON = ["--inputs", "inputs.npy"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("options")
    command_line.fill(made, NAME)
    return made


@pytest.fixture(scope="module")
def inputs(folder: pathlib.Path) -> Tensor:
    return torch.from_numpy(np.load(folder / "inputs.npy"))


def network(folder: pathlib.Path, letter: str) -> nn.Sequential:
    made = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    made.load_state_dict(load_file(folder / f"{letter}.safetensors"))
    return made


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """As it is after JSON."""
    return json.loads(json.dumps(document))


Case = tuple[list[str], dict[str, Any]]

# Options of the command line, and what they are in Python.
COMPARED: dict[str, Case] = {
    "--positions": (["--positions", "any"], {"positions": "any"}),
    "--margin": (["--margin", "0.3"], {"margin": 0.3}),
    "--include": (["--include", "0"], {"include": ["0"]}),
    "--exclude": (["--exclude", "0"], {"exclude": ["0"]}),
    "--method": (["--method", "minhash"], {"method": "minhash"}),
    "--similarity": (["--similarity", "phi"], {"similarity": "phi"}),
    "--num-hashes": (["--method", "minhash", "--num-hashes", "64"], {"method": "minhash", "num_hashes": 64}),
    "--seed": (["--seed", "-5"], {"seed": -5}),
    "--pair": (["--pair", "0:1", "--pair", "1:0"], {"layers": [(0, 1), (1, 0)]}),
    "--cka": (["--cka"], {"cka": True}),
    "--interval": (["--interval", "0.9"], {"interval": 0.9}),
    "--shuffles": (["--shuffles", "9"], {"shuffles": 9}),
    "--device": (["--device", "cpu"], {}),
    "--progress": (["--no-progress"], {}),
    "--debug": (["--debug"], {}),
}


@pytest.mark.parametrize("option", COMPARED)
def test_compare(option: str, folder: pathlib.Path, inputs: Tensor) -> None:
    given, keywords = COMPARED[option]
    expected = package.compare(network(folder, "a"), network(folder, "b"), inputs, **keywords)
    assert result(folder, "compare", A, B, *ON, *given) == plain(expected.to_dict())


def test_compare_prints_verdict_and_table(folder: pathlib.Path, inputs: Tensor) -> None:
    comparison = package.compare(network(folder, "a"), network(folder, "b"), inputs)
    done = funcsim(folder, "compare", A, B, *ON)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"\n\n{comparison}\n")
    assert done.out.startswith(f"{comparison.verdict().level} (adjusted")
    assert "--interval 0.95" in done.out


def test_compare_writes_files(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    files = {"--json": tmp_path / "r.json", "--html": tmp_path / "r.html"}
    done = funcsim(folder, "compare", A, B, *ON, *(word for pair in files.items() for word in pair))
    assert done.code == 0
    assert done.err.splitlines() == [f"written: {file}" for file in files.values()]
    assert json.loads(files["--json"].read_text(encoding="utf-8"))["num_inputs"] == 300
    assert files["--html"].read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    assert funcsim(folder, "compare", A, B, *ON, "--quiet", "--json", files["--json"]) == Done(0, "", "")


def test_a_report_has_all_details(
    folder: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funcsim.details.MOST_WORK", 0)  # nothing costs so little that it is collected unasked
    assert result(folder, "compare", A, B, *ON)["layer_similarity"] is None
    document = result(folder, "compare", A, B, *ON, "--html", tmp_path / "r.html")
    assert document["layer_similarity"] is not None
    assert all(len(layer["chance_similarities"]) == 8 for layer in document["layers"])


@pytest.mark.parametrize(("bar", "below"), [("score", 0.01), ("adjusted", 0.01)])
def test_the_bar(bar: str, below: float, folder: pathlib.Path) -> None:
    value = result(folder, "compare", A, B, *ON)[bar]
    for limit, code in ((value - below, 0), (value, 0), (value + below, 1)):
        done = funcsim(folder, "compare", A, B, *ON, "--fail-below", repr(limit), "--fail-on", bar)
        assert done.code == code
        assert (f"{bar} {value:.4f} is below" in done.err) == (code == 1)
        quiet = funcsim(folder, "compare", A, B, *ON, "--fail-below", repr(limit), "--fail-on", bar, "--quiet")
        assert quiet == Done(code, "", "")


@pytest.mark.parametrize("option", ["--positions", "--margin", "--method", "--num-hashes", "--seed", "--device"])
def test_layers(option: str, folder: pathlib.Path, inputs: Tensor) -> None:
    given, keywords = COMPARED[option]
    expected = package.layer_similarity(network(folder, "a"), network(folder, "b"), inputs, **keywords)
    assert result(folder, "layers", A, B, *ON, *given) == plain(expected.to_dict())


@pytest.mark.parametrize("similarity", ["phi", "cka", "cka_debiased"])
def test_layers_by_other_similarities(similarity: str, folder: pathlib.Path, inputs: Tensor) -> None:
    expected = package.layer_similarity(network(folder, "a"), network(folder, "b"), inputs, similarity=similarity)
    assert result(folder, "layers", A, B, *ON, "--similarity", similarity) == plain(expected.to_dict())


def test_layers_prints_and_writes(folder: pathlib.Path, inputs: Tensor, tmp_path: pathlib.Path) -> None:
    expected = package.layer_similarity(network(folder, "a"), network(folder, "b"), inputs)
    file = tmp_path / "layers.json"
    done = funcsim(folder, "layers", A, B, *ON, "--json", file, "--no-progress", "--debug")
    assert done == Done(0, f"{expected}\n", f"written: {file}\n")
    assert json.loads(file.read_text(encoding="utf-8")) == plain(expected.to_dict())
    assert funcsim(folder, "layers", A, B, *ON, "--quiet") == Done(0, "", "")
    some = result(folder, "layers", A, B, *ON, "--include", "*", "--exclude", "2")
    assert some["names_a"] == some["names_b"] == ["0"]


SKETCHED: dict[str, Case] = {
    "": ([], {}),
    "--positions": COMPARED["--positions"],
    "--margin": COMPARED["--margin"],
    "--include": COMPARED["--include"],
    "--exclude": COMPARED["--exclude"],
    "--num-hashes": (["--num-hashes", "64"], {"num_hashes": 64}),
    "--seed": COMPARED["--seed"],
    "--device": COMPARED["--device"],
    "--progress": COMPARED["--progress"],
    "--debug": COMPARED["--debug"],
}


@pytest.mark.parametrize("option", SKETCHED)
def test_sketch(option: str, folder: pathlib.Path, inputs: Tensor, tmp_path: pathlib.Path) -> None:
    given, keywords = SKETCHED[option]
    done = funcsim(folder, "sketch", A, *ON, "--output", tmp_path / "got", *given)
    assert done.code == 0, done.err
    assert done.err == f"written: {tmp_path / 'got'}\n"
    package.sketch(network(folder, "a"), inputs, **keywords).save(tmp_path / "expected")
    assert (tmp_path / "got").read_bytes() == (tmp_path / "expected").read_bytes()


def test_sketches_are_compared_without_inputs(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for letter, source in (("a", A), ("b", B)):
        quiet = funcsim(folder, "sketch", source, *ON, "-o", tmp_path / letter, "--quiet")
        assert quiet == Done(0, "", "")
    expected = result(folder, "compare", A, B, *ON, "--method", "minhash")
    both = result(folder, "compare", tmp_path / "a", tmp_path / "b")
    assert both["score"] == expected["score"]
    assert result(folder, "compare", tmp_path / "a", B, *ON)["score"] == expected["score"]
    text = command_line.complaint(folder, "compare", tmp_path / "a", tmp_path / "b", *ON)
    assert "without inputs" in text
    for command in (
        ["stability", tmp_path / "a"],
        ["prune-report", A, tmp_path / "b"],
        ["sketch", tmp_path / "a", "-o", "x"],
    ):
        assert "got a sketch" in command_line.complaint(folder, *command, *ON)


STABLE: dict[str, Case] = {
    "": ([], {}),
    "--sigmas": (["--sigmas", "0.01,0.1"], {"sigmas": [0.01, 0.1]}),
    "--repeats": (["--sigmas", "0.1", "--repeats", "3"], {"sigmas": [0.1], "repeats": 3}),
    "--eps": (["--sigmas", "0.1", "--eps", "0.2"], {"sigmas": [0.1], "eps": 0.2}),
    "--positions": COMPARED["--positions"],
    "--margin": COMPARED["--margin"],
    "--seed": COMPARED["--seed"],
    "--include": COMPARED["--include"],
    "--exclude": COMPARED["--exclude"],
    "--device": COMPARED["--device"],
    "--progress": COMPARED["--progress"],
    "--debug": COMPARED["--debug"],
}


@pytest.mark.parametrize("option", STABLE)
def test_stability(option: str, folder: pathlib.Path, inputs: Tensor) -> None:
    given, keywords = STABLE[option]
    expected = package.stability(network(folder, "a"), inputs, **keywords)
    assert result(folder, "stability", A, *ON, *given) == plain(expected.to_dict())


def test_stability_prints_and_writes(folder: pathlib.Path, inputs: Tensor, tmp_path: pathlib.Path) -> None:
    expected = package.stability(network(folder, "a"), inputs)
    file = tmp_path / "s.json"
    assert funcsim(folder, "stability", A, *ON, "--json", file) == Done(0, f"{expected}\n", f"written: {file}\n")
    assert funcsim(folder, "stability", A, *ON, "--quiet") == Done(0, "", "")


PRUNED: dict[str, Case] = {
    "": ([], {}),
    "--threshold": (["--threshold", "0.9"], {"threshold": 0.9}),
    "--similarity": COMPARED["--similarity"],
    "--positions": COMPARED["--positions"],
    "--margin": COMPARED["--margin"],
    "--seed": COMPARED["--seed"],
    "--pair": COMPARED["--pair"],
    "--device": COMPARED["--device"],
    "--progress": COMPARED["--progress"],
    "--debug": COMPARED["--debug"],
}


@pytest.mark.parametrize("option", PRUNED)
def test_prune_report(option: str, folder: pathlib.Path, inputs: Tensor) -> None:
    given, keywords = PRUNED[option]
    expected = package.prune_report(network(folder, "a"), network(folder, "b"), inputs, **keywords)
    assert result(folder, "prune-report", A, B, *ON, *given) == plain(expected.to_dict())


def test_prune_report_prints_writes_and_has_a_bar(folder: pathlib.Path, inputs: Tensor, tmp_path: pathlib.Path) -> None:
    expected = package.prune_report(network(folder, "a"), network(folder, "b"), inputs)
    file = tmp_path / "lost.json"
    done = funcsim(folder, "prune-report", A, B, *ON, "--json", file, "--fail-below", "0")
    assert done == Done(0, f"{expected}\n", f"written: {file}\n")
    units = funcsim(folder, "prune-report", A, B, *ON, "--units").out
    assert units == "\n\n".join(map(str, [expected, *expected.layers])) + "\n"
    below = funcsim(folder, "prune-report", A, B, *ON, "--fail-below", "1", "--quiet")
    assert below == Done(1, "", "")
    at = funcsim(folder, "prune-report", A, B, *ON, "--fail-below", repr(expected.coverage), "--quiet")
    assert at == Done(0, "", "")
    assert "coverage" in funcsim(folder, "prune-report", A, B, *ON, "--fail-below", "1").err


MERGED: dict[str, Case] = {
    "": ([], {}),
    "--weight": (["--weight", "0.25"], {"weight": [0.25]}),
    "--similarity": (["--similarity", "weights"], {"similarity": "weights"}),
    "--no-rescale": (["--no-rescale"], {"rescale": False}),
    "--no-repair": (["--no-repair"], {"repair": False}),
    "--coordinate-descent": (["--coordinate-descent"], {"coordinate_descent": True}),
    "--positions": COMPARED["--positions"],
    "--margin": COMPARED["--margin"],
    "--seed": COMPARED["--seed"],
    "--device": COMPARED["--device"],
    "--progress": COMPARED["--progress"],
    "--debug": COMPARED["--debug"],
}


@pytest.mark.parametrize("option", MERGED)
def test_merge(option: str, folder: pathlib.Path, inputs: Tensor, tmp_path: pathlib.Path) -> None:
    given, keywords = MERGED[option]
    file = tmp_path / "merged.safetensors"
    done = funcsim(folder, "merge", A, B, *ON, "--output", file, *given)
    assert (done.code, done.err.splitlines()[0]) == (0, f"written: {file}")
    expected = package.merge(network(folder, "a"), [network(folder, "b")], inputs, **keywords).state_dict()
    got = load_file(file)
    assert got.keys() == expected.keys()
    assert all(torch.equal(got[name], expected[name]) for name in got)


def test_merge_of_three_as_a_pt_file(folder: pathlib.Path, inputs: Tensor, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "merged.pt"
    assert funcsim(folder, "merge", A, B, A, *ON, "-o", file, "--weight", "0.2,0.3", "--quiet") == Done(0, "", "")
    networks = [network(folder, "b"), network(folder, "a")]
    expected = package.merge(network(folder, "a"), networks, inputs, [0.2, 0.3]).state_dict()
    got = torch.load(file, weights_only=True)
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_what_to_do_with_a_merged_network(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = funcsim(folder, "merge", A, "b.pt", A, *ON, "--output", tmp_path / "my merged.pt")
    assert "funcsim.barrier in Python" in done.err
    commands = [shlex.split(line) for line in done.err.splitlines() if line.startswith("  funcsim")]
    assert [command[2] for command in commands] == [A, "b.pt"]
    for command in commands:
        assert 0 < result(folder, *command[1:])["score"] < 1


def test_only_sequentials_are_merged(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    text = command_line.complaint(folder, "merge", f"{NAME}:Residual", A, *ON, "-o", tmp_path / "m.pt")
    assert "expected a torch.nn.Sequential, got a Residual" in text


def test_any_module_is_compared(folder: pathlib.Path) -> None:
    document = result(folder, "compare", f"{NAME}:Residual", A, *ON)
    assert document["read_a"] == document["read_b"] == "hooks"
    assert funcsim(folder, "stability", f"{NAME}:Residual", *ON, "--sigmas", "0").code == 0
    assert result(folder, "prune-report", f"{NAME}:Residual", f"{NAME}:Residual", *ON)["coverage"] == 1


READING: dict[str, list[object]] = {
    "compare": [A, B],
    "layers": [A, B],
    "prune-report": [A, B],
    "stability": [A],
    "sketch": [A, "-o", "x"],
    "merge": [A, B, "-o", "x.pt"],
}


@pytest.mark.parametrize("command", ["compare", "layers", "prune-report", "stability", "info"])
def test_json_is_checked_before_anything_is_loaded(command: str, folder: pathlib.Path) -> None:
    given = ["none.pt"] if command == "info" else [*READING[command], "--inputs", "none.npy"]
    text = command_line.complaint(folder, command, *given, "--json", "no/x.json")
    assert "--json no/x.json" in text


WHERE = ["--key", "k", "--split", "s", "--limit", 3, "--batch-size", 5, "--image-size", 7, "--transform", "t:f"]
WHERE += ["--seed", 9, "--trust-pickle", "--device", "cpu"]


@pytest.mark.parametrize("command", READING)
def test_where_networks_and_inputs_come_from(
    command: str, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All commands hand the same options on."""
    seen: list[Any] = []

    def take_models(_sources: list[str], **options: Any) -> list[LoadedModel]:
        options.pop("sketches", None)
        seen.append(options)
        return load_models([A, B][: len(_sources)], seed=0, device=None, trust_pickle=False)

    def take_inputs(*given: Any) -> Tensor:
        seen.append(given)
        raise Problem("enough")

    monkeypatch.setattr("funcsim_cli.loading.load_models", take_models)
    monkeypatch.setattr("funcsim_cli.loading.load_inputs", take_inputs)
    for given, of_models, of_inputs in (
        (WHERE, {"seed": 9, "device": "cpu", "trust_pickle": True}, InputOptions("k", "s", 3, 5, 7, "t:f", 9, True)),
        ([], {"seed": 0, "device": None, "trust_pickle": False}, InputOptions()),
    ):
        seen.clear()
        assert "enough" in command_line.complaint(folder, command, *READING[command], "--inputs", "some", *given)
        assert seen == [of_models, ("some", of_inputs, torch.float32)]


# Options that are about where networks and inputs come from, tested with these.
ELSEWHERE = {
    "--inputs",
    "--key",
    "--split",
    "--limit",
    "--batch-size",
    "--image-size",
    "--transform",
    "--trust-pickle",
}
OUTPUT = {"--json", "--html", "--quiet", "--fail-below", "--fail-on", "--output", "--units", "--help"}
TABLES: dict[str, dict[str, Any]] = {
    "compare": COMPARED,
    "layers": {option: None for option in COMPARED if option not in ("--pair", "--cka", "--interval", "--shuffles")},
    "sketch": SKETCHED,
    "stability": STABLE,
    "prune-report": PRUNED,
    "merge": MERGED,
    "info": dict.fromkeys(["--seed", "--trust-pickle", "--debug"]),  # test_command_line_applied.py, _trust.py and .py
    "demo": dict.fromkeys(["--seed", "--debug"]),  # test_command_line_applied.py
    "help": {},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_test(command: str) -> None:
    parameters = typer.main.get_command(app).commands[command].params
    options = {parameter.opts[0] for parameter in parameters if parameter.opts[0].startswith("-")}
    assert options - ELSEWHERE - OUTPUT == TABLES[command].keys() - {""} - ELSEWHERE


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_names_every_option(command: str) -> None:
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert f"funcsim {command}" in page
    for parameter in typer.main.get_command(app).commands[command].params:
        for name in (*parameter.opts, *parameter.secondary_opts):
            assert not name.startswith("--") or f"`{name}" in page, name
