"""Files that commands write: checked before any work, and nothing of the user's is overwritten."""

import json
import pathlib

import command_line
import pytest
import torch
from command_line import Done, complaint, funcsim

NAME = "cli_files"
A, B = f"a.safetensors@{NAME}:make", f"b.safetensors@{NAME}:make"
ON = ["--inputs", "inputs.npy"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("files")
    command_line.fill(made, NAME)
    state = torch.load(made / "a_state.pt", weights_only=True)
    torch.save({"epoch": 3, "model": state}, made / "checkpoint.pt")
    (made / "notes.txt").write_text("mine", encoding="utf-8")
    return made


# What is typed. The last word is a file that must stay as it is.
OVERWRITES: dict[str, list[object]] = {
    "merge its first": ["merge", "a.pt", "b.pt", *ON, "-o", "a.pt"],
    "merge its second": ["merge", A, B, *ON, "-o", "b.safetensors"],
    "merge a checkpoint's": ["merge", f"checkpoint.pt@{NAME}:make", B, *ON, "-o", "checkpoint.pt"],
    "merge another checkpoint": ["merge", A, B, *ON, "-o", "checkpoint.pt"],
    "merge another network": ["merge", A, A, *ON, "-o", "a.pt"],
    "sketch its network": ["sketch", "a.pt", *ON, "-o", "a.pt"],
    "sketch its inputs": ["sketch", "a.pt", *ON, "-o", "inputs.npy"],
    "sketch another file": ["sketch", "a.pt", *ON, "-o", "notes.txt"],
    "sketch other weights": ["sketch", "a.pt", *ON, "-o", "b.safetensors"],
    "compare as HTML": ["compare", "a.pt", "b.pt", *ON, "--html", "b.pt"],
    "compare as HTML elsewhere": ["compare", "a.pt", "b.pt", *ON, "--html", "notes.txt"],
    "compare as JSON": ["compare", "a.pt", "b.pt", *ON, "--json", "inputs.npy"],
    "layers": ["layers", "a.pt", "b.pt", *ON, "--json", "a.pt"],
    "prune-report": ["prune-report", "a.pt", "b.pt", *ON, "--json", "b.pt"],
    "stability": ["stability", "a.pt", *ON, "--json", "./a.pt"],
    "info": ["info", "a.pt", "--json", "a.pt"],
    "info elsewhere": ["info", "--json", "notes.txt"],
}


@pytest.mark.parametrize("name", OVERWRITES)
def test_files_of_the_user_are_not_overwritten(name: str, folder: pathlib.Path) -> None:
    file = folder / str(OVERWRITES[name][-1])
    before = file.read_bytes()
    text = complaint(folder, *OVERWRITES[name])
    assert "would overwrite" in text
    assert "Give another name" in text
    assert file.read_bytes() == before


def test_what_a_command_wrote_is_replaced(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for command in (
        ["compare", A, B, *ON, "--json", tmp_path / "r.json", "--html", tmp_path / "r.html"],
        ["sketch", A, *ON, "-o", tmp_path / "sketch"],
        ["merge", A, B, *ON, "-o", tmp_path / "m.pt"],
        ["merge", A, B, *ON, "-o", tmp_path / "m.safetensors"],
    ):
        for _ in range(2):
            assert funcsim(folder, *command, "--quiet") == Done(0, "", "")


def test_two_outputs_are_two_files(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    text = complaint(folder, "compare", "none.pt", B, "--json", tmp_path / "x", "--html", f"{tmp_path}/./x")
    assert "are the same file" in text


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_place_that_can_not_be_written_is_noticed_before_the_work(option: str, folder: pathlib.Path) -> None:
    text = complaint(folder, "compare", "none.pt", B, "-i", "none.npy", option, "/proc/x")
    assert f"{option} /proc/x can't be written" in text


def test_only_json_has_a_dash(folder: pathlib.Path) -> None:
    assert "--html -" in complaint(folder, "compare", "none.pt", B, "--html", "-")
    assert "--output -" in complaint(folder, "sketch", "none.pt", "--output", "-")


def test_missing_plotly_is_noticed_before_the_work(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("funcsim_cli.commands.compare.find_spec", lambda name: None)
    assert "pip install plotly" in complaint(folder, "compare", "none.pt", B, "--html", "r.html")


def test_a_file_that_can_not_be_written_takes_nothing_with_it(
    folder: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "r.html")

    monkeypatch.setattr("funcsim.Comparison.save_html", fail)
    html, file = ["--html", tmp_path / "r.html"], tmp_path / "r.json"
    done = funcsim(folder, "compare", A, B, *ON, *html, "--json", file)
    assert done.code == 2
    assert "score" in done.out
    assert "No space left" in done.err
    assert json.loads(file.read_text(encoding="utf-8"))["num_inputs"] == 300
    printed = funcsim(folder, "compare", A, B, *ON, *html, "--json", "-")
    assert (printed.code, json.loads(printed.out)["num_inputs"]) == (2, 300)


def test_a_report_says_what_was_compared_and_how(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    given = ["compare", A, B, *ON, "--limit", 200, "--include", "[02]", "--html", tmp_path / "r.html"]
    assert funcsim(folder, *given).code == 0
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert f"<title>{A} against {B}</title>" in page
    command = f"funcsim compare {A} {B} --inputs inputs.npy --limit 200 --include &#x27;[02]&#x27;"
    assert command in page
    assert "compare with --interval 0.95" in page
    assert "interval=0.95" not in page
