"""Where the command line takes inputs from."""

import pathlib
import subprocess
import sys
from typing import Any

import command_line
import numpy as np
import pytest
import torch
from command_line import complaint, result
from funcsim_cli.errors import Problem
from funcsim_cli.inputs import InputOptions, load_inputs
from safetensors.torch import save_file
from torch import Tensor

NAME = "cli_inputs"
PAIR = [f"a.safetensors@{NAME}:make", f"b.safetensors@{NAME}:make"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("inputs")
    command_line.fill(made, NAME)
    command_line.image_folder(made / "photos")
    return made


@pytest.fixture(scope="module")
def score(folder: pathlib.Path) -> float:
    return result(folder, "compare", *PAIR, "-i", "inputs.npy")["score"]


@pytest.mark.parametrize(
    "given",
    [
        ["inputs.pt"],
        ["single.safetensors"],
        ["several.safetensors", "--key", "one"],
        ["named.pt", "--key", "x"],
        ["named.pt"],  # "x" is among the names that models have for their inputs
        ["double.npy"],  # in the networks' dtype
        [f"{NAME}:loader"],
    ],
    ids=lambda given: "_".join(given).replace(":", "_"),
)
def test_the_same_inputs_in_other_files(given: list[str], score: float, folder: pathlib.Path) -> None:
    document = result(folder, "compare", *PAIR, "--inputs", *given)
    assert (document["score"], document["num_inputs"]) == (score, 300)


def test_every_command_takes_them(folder: pathlib.Path) -> None:
    given = ["-i", "several.safetensors", "--key", "two", "--limit", 50]
    a, b = PAIR
    for command in (["compare", a, b], ["layers", a, b], ["stability", a], ["prune-report", a, b]):
        assert result(folder, *command, *given)["num_inputs"] == 50
    for command in (["sketch", a], ["merge", a, b]):
        assert command_line.funcsim(folder, *command, *given, "-o", f"{command[0]}.safetensors").code == 0


def test_import_paths(folder: pathlib.Path) -> None:
    assert result(folder, "compare", *PAIR, "-i", f"{NAME}:batches")["num_inputs"] == 8
    assert result(folder, "compare", *PAIR, "-i", f"{NAME}:loader", "--limit", 70)["num_inputs"] == 70
    scores = [result(folder, "compare", *PAIR, "-i", f"{NAME}:named", *key)["score"] for key in ([], ["--key", "two"])]
    assert scores[0] != scores[1]
    assert "got int" in complaint(folder, "compare", *PAIR, "-i", f"{NAME}:number")
    assert "got int" in complaint(folder, "compare", *PAIR, "-i", f"{NAME}:wrong")
    assert "nothing here" in complaint(folder, "compare", *PAIR, "-i", f"{NAME}:fails")
    assert "no tensor 'x'" in complaint(folder, "compare", *PAIR, "-i", f"{NAME}:loader", "--key", "x")


def test_limit_draws_by_seed(folder: pathlib.Path) -> None:
    source = str(folder / "inputs.npy")
    whole = load_inputs(source, InputOptions(), None)
    assert isinstance(whole, Tensor)
    drawn = [load_inputs(source, InputOptions(limit=100, seed=seed), None) for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    rows = {tuple(row) for row in whole.tolist()}
    assert len(drawn[0]) == 100
    assert {tuple(row) for row in drawn[0].tolist()} < rows
    assert torch.equal(load_inputs(source, InputOptions(limit=1000), None), whole)


def test_several_tensors_are_one_batch(folder: pathlib.Path) -> None:
    batches = load_inputs(str(folder / "several.safetensors"), InputOptions(limit=10), torch.float64)
    (batch,) = batches
    assert {name: tuple(tensor.shape) for name, tensor in batch.items()} == {"one": (10, 6), "two": (10, 6)}
    assert batch["one"].dtype == torch.float64
    assert torch.allclose(batch["two"], batch["one"] + 1)


def test_numbers_that_are_not_floating_point_stay_as_they_are(tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "tokens.npy", np.arange(6).reshape(2, 3))
    assert load_inputs(str(tmp_path / "tokens.npy"), InputOptions(), torch.float16).dtype == torch.int64


BAD_ARRAYS: dict[str, tuple[Any, str]] = {
    "objects": (np.array([{}], dtype=object), "never unpickled"),
    "text": (np.array(["a", "b"]), "an array of numbers, got one of <U1"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_arrays_of_other_things(name: str, tmp_path: pathlib.Path) -> None:
    array, words = BAD_ARRAYS[name]
    np.save(tmp_path / "bad.npy", array, allow_pickle=True)
    with pytest.raises(Problem, match=words):
        load_inputs(str(tmp_path / "bad.npy"), InputOptions(), None)


def test_big_endian_arrays(tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "big.npy", np.arange(6, dtype=">f4").reshape(2, 3))
    assert load_inputs(str(tmp_path / "big.npy"), InputOptions(), None).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_bad_files(tmp_path: pathlib.Path) -> None:
    np.savez(tmp_path / "many.npz", a=np.zeros(3))
    (tmp_path / "many.npz").rename(tmp_path / "many.npy")
    (tmp_path / "damaged.npy").write_bytes(b"\x93NUMPY\x01")
    (tmp_path / "damaged.safetensors").write_bytes(b"12345678")
    save_file({"one": torch.zeros(2, 3)}, tmp_path / "one.safetensors")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"epoch": 1}, tmp_path / "none.pt")
    np.save(tmp_path / "good.npy", np.zeros((2, 3)))
    for name, options, words in (
        ("many.npy", InputOptions(), "several, in a .npz file"),
        ("damaged.npy", InputOptions(), "can't be read as an array"),
        ("damaged.safetensors", InputOptions(), "damaged"),
        ("one.safetensors", InputOptions(key="two"), "no tensor 'two'.*one of 'one'"),
        ("list.pt", InputOptions(), "got list"),
        ("none.pt", InputOptions(), "tensors by name, got none"),
        ("good.npy", InputOptions(key="x"), "without a name"),
        ("good.npy", InputOptions(split="test"), "--split test is for folders"),
        ("good.npy", InputOptions(transform="a:b"), "--transform a:b is for folders"),
    ):
        with pytest.raises(Problem, match=words):
            load_inputs(str(tmp_path / name), options, None)


def images(folder: pathlib.Path, **options: Any) -> list[Tensor]:
    return list(load_inputs(str(folder / "photos"), InputOptions(**options), torch.float32))


def test_images(folder: pathlib.Path) -> None:
    transforms = pytest.importorskip("torchvision.transforms._presets")
    from PIL import Image

    batches = images(folder, image_size=8, batch_size=4)
    assert [tuple(batch.shape) for batch in batches] == [(4, 3, 8, 8), (2, 3, 8, 8)]
    transform = transforms.ImageClassification(crop_size=8, resize_size=9)
    expected = []
    for file in sorted((folder / "photos").rglob("*.png")):
        with Image.open(file) as image:
            expected.append(transform(image.convert("RGB")))
    got = torch.cat(batches)
    order = [next(place for place, image in enumerate(expected) if torch.equal(image, one)) for one in got]
    assert sorted(order) == [0, 1, 2, 3, 4, 5]
    assert order != sorted(order)  # mixed, and the same each time
    assert torch.equal(torch.cat(images(folder, image_size=8)), got)
    assert not torch.equal(torch.cat(images(folder, image_size=8, seed=1)), got)
    assert sum(map(len, images(folder, image_size=8, limit=3))) == 3


def test_images_of_a_convolutional_network(folder: pathlib.Path) -> None:
    pytest.importorskip("torchvision")
    given = ["-i", "photos", "--image-size", "12", "--batch-size", "4"]
    document = result(folder, "compare", f"{NAME}:convolutional", f"{NAME}:convolutional", *given)
    assert (document["score"], document["num_inputs"]) == (1, 6)
    transformed = ["-i", "photos", "--transform", f"{NAME}:small", "--limit", "5"]
    document = result(folder, "compare", f"{NAME}:convolutional", f"{NAME}:convolutional", *transformed)
    assert document["num_inputs"] == 5


def test_bad_images(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pytest.importorskip("torchvision")
    pair = [f"{NAME}:convolutional"] * 2
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "x.jpg").write_bytes(b"no image")
    assert "x.jpg can't be read as an image" in complaint(folder, "compare", *pair, "-i", tmp_path / "broken")
    (tmp_path / "empty").mkdir()
    assert "no images and no dataset" in complaint(folder, "compare", *pair, "-i", tmp_path / "empty")
    text = complaint(folder, "compare", *pair, "-i", "photos", "--transform", f"{NAME}:number")
    assert "from image to tensor, got int" in text
    assert "--key" in complaint(folder, "compare", *pair, "-i", "photos", "--key", "image")


def test_images_without_torchvision(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("funcsim_cli.models.torchvision_models.find_spec", lambda name: None)
    assert "pip install torchvision" in complaint(folder, "compare", *PAIR, "-i", "photos")


@pytest.fixture(scope="module")
def dataset(folder: pathlib.Path) -> pathlib.Path:
    datasets = pytest.importorskip("datasets")
    inputs = np.load(folder / "inputs.npy")
    table = {"features": inputs.tolist(), "label": [0] * len(inputs), "text": ["x"] * len(inputs)}
    rows = datasets.Dataset.from_dict(table)
    rows.save_to_disk(folder / "rows")
    datasets.DatasetDict({"train": rows, "test": rows.select(range(20))}).save_to_disk(folder / "splits")
    datasets.DatasetDict({"only": rows}).save_to_disk(folder / "one_split")
    rows.select_columns(["text"]).save_to_disk(folder / "texts")
    files = sorted((folder / "photos").rglob("*.png"))
    pictures = {"image": [str(file) for file in files], "label": [0] * len(files)}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    datasets.Dataset.from_dict(pictures, features=features).save_to_disk(folder / "pictures")
    return folder


def test_datasets(dataset: pathlib.Path, score: float) -> None:
    document = result(dataset, "compare", *PAIR, "-i", "rows", "--key", "features")
    assert document["num_inputs"] == 300
    assert document["score"] == pytest.approx(score)  # the same rows in another order
    assert result(dataset, "compare", *PAIR, "-i", "rows")["num_inputs"] == 300  # "features" is a known name
    assert result(dataset, "compare", *PAIR, "-i", "rows", "--limit", 9, "--batch-size", 2)["num_inputs"] == 9
    assert result(dataset, "compare", *PAIR, "-i", "splits", "--split", "test")["num_inputs"] == 20
    assert result(dataset, "compare", *PAIR, "-i", "one_split")["num_inputs"] == 300


def test_datasets_of_images(dataset: pathlib.Path) -> None:
    pair = [f"{NAME}:convolutional"] * 2
    document = result(dataset, "compare", *pair, "-i", "pictures", "--image-size", "12")
    assert (document["score"], document["num_inputs"]) == (1, 6)


def test_bad_datasets(dataset: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(*given: str) -> str:
        return complaint(dataset, "compare", *PAIR, "-i", *given)

    assert "splits train, test: expected one of them, got no --split" in said("splits")
    assert "got --split dev" in said("splits", "--split", "dev")
    assert "no column 'x'" in said("rows", "--key", "x")
    assert "text in text" in said("rows", "--key", "text")
    assert "text in text" in said("texts")
    monkeypatch.setattr("funcsim_cli.inputs.datasets_folder.find_spec", lambda name: None)
    assert "pip install datasets" in said("rows")


def test_nothing_optional_is_imported_for_arrays(folder: pathlib.Path) -> None:
    code = (
        "import sys\nfrom funcsim_cli.main import run\n"
        f"assert run(['compare', *{PAIR!r}, '-i', 'inputs.npy', '--quiet']) == 0\n"
        "print(sorted({'torchvision', 'datasets', 'pandas', 'plotly', 'matplotlib'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=command_line.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
