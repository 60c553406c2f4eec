"""Sketch files: what is saved is loaded, docs/sketch-format.md is enough to read one, and damage is noticed."""

import hashlib
import json
import os
import pathlib
import pickle
import re
import stat
from typing import Any

import funcsim
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle import networks
from oracle.profile import examples
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY = "funcsim_sketch"
BY_NAME = {network.name: network for network in networks.NETWORKS}


def _made(name: str = "mlp", **options: Any) -> funcsim.NetworkSketch:
    model, inputs = BY_NAME[name].make(1)
    return funcsim.sketch(model, inputs, **{"num_hashes": 32, **options})


SKETCH = _made()


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    SKETCH.save(tmp_path / "sketch.safetensors")
    return tmp_path / "sketch.safetensors"


def _content(sketch: funcsim.NetworkSketch) -> list[Any]:
    tensors = [
        getattr(layer, name).tolist()
        for layer in sketch.layers
        for name in ("rows", "shuffled", "counts", "fingerprints")
    ]
    layers = [(layer.name, layer.samples_per_input) for layer in sketch.layers]
    values = (sketch.architecture, sketch.settings, sketch.num_inputs, sketch.input_shape, sketch.inputs_sha256)
    return [*values, sketch.funcsim_version, layers, tensors]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mlp", {}),
        ("nested", {"seed": -(2**63), "margin": 0.1}),
        ("conv2d", {"positions": "all"}),
        ("conv3d", {"positions": "any", "margin": 1e-300}),
        ("tokens", {"positions": 7, "seed": 2**63 - 1}),
    ],
)
def test_what_is_saved_is_loaded(name: str, options: dict[str, Any], tmp_path: pathlib.Path) -> None:
    sketch = _made(name, **options)
    sketch.save(tmp_path / "a")
    loaded = funcsim.NetworkSketch.load(str(tmp_path / "a"))
    assert _content(loaded) == _content(sketch)
    assert funcsim.compare(sketch, loaded).score == 1
    model, inputs = BY_NAME[name].make(1)
    assert funcsim.compare(loaded, model, inputs).score == 1


def test_saving_twice_gives_the_same_bytes(tmp_path: pathlib.Path) -> None:
    for name in ("one", "two"):
        _made().save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_file_is_as_documented(file: pathlib.Path) -> None:
    with safe_open(file, framework="numpy") as stored:
        assert list(stored.metadata()) == [KEY]
        document = json.loads(stored.metadata()[KEY])
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  # not iterable
    layers = [{"name": "0", "samples_per_input": 1}, {"name": "3", "samples_per_input": 1}]
    layers.append({"name": "5", "samples_per_input": 1})
    assert document.pop("sha256") == _checksum(document, tensors)
    assert document == {
        "version": 1,
        "funcsim_version": funcsim.__version__,
        "architecture": SKETCH.architecture,
        "num_inputs": 12,
        "input_shape": [10],
        "inputs_sha256": SKETCH.inputs_sha256,
        "num_hashes": 32,
        "seed": 0,
        "margin": 0.0,
        "positions": 16,
        "layers": layers,
    }
    assert {name: (str(tensor.dtype), tensor.shape) for name, tensor in tensors.items()} == {
        f"{layer}.{part}": (dtype, (units, *more))
        for layer, units in enumerate((16, 12, 14))
        for part, dtype, more in (
            ("sketch", "int32", (32,)),
            ("shuffled", "int32", (32,)),
            ("counts", "int64", ()),
            ("fingerprints", "int64", ()),
        )
    }


def _checksum(document: dict[str, Any], tensors: dict[str, np.ndarray]) -> str:
    """By the words of docs/sketch-format.md."""
    data = json.dumps(document, sort_keys=True).encode() + b"".join(tensors[name].tobytes() for name in sorted(tensors))
    return hashlib.sha256(data).hexdigest()


def test_documentation_names_the_keys_and_its_example_runs(
    file: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "sketch-format.md").read_text(encoding="utf-8")
    with safe_open(file, framework="numpy") as stored:
        document = json.loads(stored.metadata()[KEY])
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == {
        *document,
        "read",
        "notes",
    }  # which may be missing
    (example,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(file.parent)
    file.rename(file.parent / "monday.safetensors")
    exec(example, {})
    estimate, share = map(float, capsys.readouterr().out.split())
    layer = SKETCH.layers[0]
    assert estimate == pytest.approx(funcsim.minhash_jaccard(layer.rows[:1], layer.rows[1:2]).item())
    assert share == pytest.approx(layer.counts[0].item() / 12)


def test_a_save_replaces_the_file_at_once_or_not_at_all(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def fails(self: pathlib.Path, data: bytes) -> int:
        with self.open("wb") as half:
            half.write(data[: len(data) // 2])
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "write_bytes", fails)
        with pytest.raises(OSError, match="no space left"):
            _made("nested").save(file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    _made("nested").save(file)
    assert funcsim.NetworkSketch.load(file).architecture == _made("nested").architecture
    assert list(file.parent.iterdir()) == [file]


def test_a_file_has_the_usual_permissions(file: pathlib.Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"")
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


def test_a_loaded_sketch_does_not_depend_on_the_file(file: pathlib.Path) -> None:
    loaded = funcsim.NetworkSketch.load(file)
    size = file.stat().st_size
    with file.open("r+b") as stored:
        stored.write(b"\xff" * size)
    os.truncate(file, 0)
    assert _content(loaded) == _content(SKETCH)


def test_what_cannot_be_opened_is_an_os_error(tmp_path: pathlib.Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError, match=re.escape(str(path))):
            funcsim.NetworkSketch.load(path)
    with pytest.raises(OSError, match="missing"):
        SKETCH.save(tmp_path / "missing" / "file")


def _assert_refused(path: pathlib.Path, *words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(str(path))) as error:
        funcsim.NetworkSketch.load(path)
    assert type(error.value) is ValueError
    for word in words:
        assert word in str(error.value), str(error.value)


def test_every_truncation_is_refused(file: pathlib.Path) -> None:
    content = file.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    ends = {*range(0, 64), *range(64, len(content), 97), header - 1, header, header + 1, len(content) - 1}
    for end in sorted(ends):
        file.write_bytes(content[:end])
        _assert_refused(file)
    file.write_bytes(content + b"\0")
    _assert_refused(file)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), region=st.sampled_from(["header", "data"]))
@examples(300)
def test_every_flipped_bit_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int, region: str
) -> None:
    """A bit of the header's padding or of its spelling may change nothing; what it does change is refused."""
    file = tmp_path_factory.getbasetemp() / f"flipped-{os.getpid()}"
    SKETCH.save(file)
    content = bytearray(file.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    start, end = (0, header) if region == "header" else (header, len(content))
    content[start + int(place * (end - start))] ^= 1 << bit
    file.write_bytes(content)
    try:
        loaded = funcsim.NetworkSketch.load(file)
    except ValueError as error:
        assert str(file) in str(error)  # noqa: PT017  # it may also load
    else:
        assert region == "header"
        assert _content(loaded) == _content(SKETCH)


class _Explosive:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("exploded",)


def test_pickles_are_refused_and_not_run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "sketch"
    for write in (lambda: file.write_bytes(pickle.dumps(_Explosive())), lambda: torch.save(_Explosive(), file)):
        write()
        _assert_refused(file, "no sketch")
        assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"\xff" * 100, b"hello, world", b"PK\x03\x04" + b"\0" * 100])
def test_other_files_are_refused(tmp_path: pathlib.Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    _assert_refused(tmp_path / "other", "no sketch")


def test_other_safetensors_files_are_refused(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "weights.safetensors"
    for metadata in (None, {"format": "pt"}):
        save_file(nn.Linear(2, 2).state_dict(), file, metadata=metadata)
        _assert_refused(file, "no sketch", KEY)


def _rewrite(file: pathlib.Path, change: dict[str, Any], tensors: dict[str, Any] | None = None) -> None:
    """The file with other content and the right checksum; a value of None removes a key."""
    with safe_open(file, framework="pt") as stored:
        document = json.loads(stored.metadata()[KEY])
        content = {name: stored.get_tensor(name).clone() for name in stored.keys()}  # noqa: SIM118  # not iterable
    del document["sha256"]
    document = {key: value for key, value in {**document, **change}.items() if value is not None}
    content = {name: value for name, value in {**content, **(tensors or {})}.items() if value is not None}
    document["sha256"] = _checksum(document, {name: tensor.numpy() for name, tensor in content.items()})
    save_file(content, file, metadata={KEY: json.dumps(document)})


def test_the_rewriting_of_these_tests_is_right(file: pathlib.Path) -> None:
    _rewrite(file, {"seed": 7})
    assert funcsim.NetworkSketch.load(file).settings.seed == 7


@pytest.mark.parametrize("version", [2, 17])
def test_later_versions_are_refused(file: pathlib.Path, version: int) -> None:
    _rewrite(file, {"version": version})
    _assert_refused(file, f"version {version}", "reads version 1")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"version": "1"}', '{"version": 0}', "[" * 10_000])
def test_a_document_that_is_none_is_refused(file: pathlib.Path, text: str) -> None:
    save_file({"0.counts": torch.zeros(1)}, file, metadata={KEY: text})
    _assert_refused(file, "damaged")


def test_a_version_of_truth_is_refused(file: pathlib.Path) -> None:
    _rewrite(file, {"version": True})
    _assert_refused(file, "damaged", "no version")


SKETCHED = torch.zeros(16, 32, dtype=torch.int32)
COUNTS = torch.zeros(16, dtype=torch.int64)
INCONSISTENT: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "no seed": ({"seed": None}, {}, ["seed"]),
    "seed of text": ({"seed": "0"}, {}, ["seed", "'0'"]),
    "seed of truth": ({"seed": True}, {}, ["seed", "True"]),
    "seed past 64 bits": ({"seed": 2**63}, {}, ["seed", str(2**63)]),
    "no hashes": ({"num_hashes": 0}, {}, ["num_hashes", "0"]),
    "other number of hashes": ({"num_hashes": 64}, {}, ["0.sketch", "[16, 64]", "[16, 32]"]),
    "negative margin": ({"margin": -1.0}, {}, ["margin", "-1"]),
    "margin past float64": ({"margin": 10**400}, {}, ["margin", "float64"]),
    "too many positions": ({"positions": 2**24 + 1}, {}, ["positions", "16777217"]),
    "unknown positions": ({"positions": "some"}, {}, ["positions", "some"]),
    "no positions": ({"positions": 0}, {}, ["positions", "0"]),
    "no inputs": ({"num_inputs": 0}, {}, ["num_inputs", "0"]),
    "too few inputs": ({"num_inputs": 1}, {}, ["counts", "of 1 samples"]),
    "inputs past 64 bits": ({"num_inputs": 10**30}, {}, ["num_inputs", str(10**30)]),
    "samples past 64 bits": (
        {"num_inputs": 2**62, "layers": [{"name": "0", "samples_per_input": 2}]},
        {},
        ["layers[0]", f"{2**62} inputs of 2 samples"],
    ),
    "hash of other digits": ({"inputs_sha256": "x" * 64}, {}, ["inputs_sha256", "64 hexadecimal digits"]),
    "hash of 63 digits": ({"inputs_sha256": "0" * 63}, {}, ["inputs_sha256", "64 hexadecimal digits"]),
    "unknown way to read": ({"read": "by eye"}, {}, ["read", "canonical form", "hooks", "by eye"]),
    "notes of text": ({"notes": "one"}, {}, ["notes", "list", "one"]),
    "notes of numbers": ({"notes": ["one", 2]}, {}, ["notes", "list of text", "2"]),
    "unknown key": ({"comment": "mine"}, {}, ["keys", "comment"]),
    "unknown key of a layer": (
        {"layers": [{"name": "0", "samples_per_input": 1, "comment": "mine"}]},
        {},
        ["layers[0]", "keys", "comment"],
    ),
    "architecture that can't be read": ({"architecture": "funcsim/1: Linear(10"}, {}, ["architecture"]),
    "architecture of one hidden layer": (
        {"architecture": "funcsim/1: Linear(10, 16); Linear(16, 1)"},
        {},
        ["architecture have [(16, 1)]", "those of layers [(16, 1), ("],
    ),
    "architecture of a number": ({"architecture": 1}, {}, ["architecture"]),
    "shape of text": ({"input_shape": ["a"]}, {}, ["input_shape"]),
    "negative shape": ({"input_shape": [-1]}, {}, ["input_shape", "at least 0", "[-1]"]),
    "shape of truth": ({"input_shape": [True]}, {}, ["input_shape", "[True]"]),
    "shape of fractions": ({"input_shape": [1.5]}, {}, ["input_shape", "[1.5]"]),
    "shape past 64 bits": ({"input_shape": [2**64 + 10]}, {}, ["input_shape", str(2**64 + 10)]),
    "other shape": ({"input_shape": [3]}, {}, ["Linear", "3"]),
    "shape of a number": ({"input_shape": 10}, {}, ["input_shape"]),
    "no layers": ({"layers": []}, {}, ["layers", "at least one"]),
    "layers of text": ({"layers": ["0", "3", "5"]}, {}, ["layers[0]"]),
    "layer without a name": ({"layers": [{"samples_per_input": 1}]}, {}, ["name"]),
    "layer without samples": ({"layers": [{"name": "0", "samples_per_input": 0}]}, {}, ["layers[0]", "sample"]),
    "fewer layers": ({"layers": [{"name": "0", "samples_per_input": 1}]}, {}, ["1 layers", "2.counts"]),
    "more layers": ({"layers": [{"name": "0", "samples_per_input": 1}] * 4}, {}, ["3.sketch", "none"]),
    "unknown tensor": ({}, {"extra": COUNTS}, ["extra"]),
    "no sketch": ({}, {"0.sketch": None}, ["0.sketch", "none"]),
    "no shuffled": ({}, {"1.shuffled": None}, ["1.shuffled", "none"]),
    "sketch of no units": ({}, {"0.sketch": SKETCHED[:0]}, ["0.sketch", "[1, 32]", "[0, 32]"]),
    "sketch of other units": ({}, {"0.sketch": SKETCHED[:5].clone()}, ["0.shuffled", "[5, 32]", "[16, 32]"]),
    "sketch of int64": ({}, {"0.sketch": SKETCHED.long()}, ["0.sketch", "int32", "int64"]),
    "negative sketch": ({}, {"0.sketch": SKETCHED - 1}, ["0.sketch", "negative"]),
    "counts of floats": ({}, {"0.counts": COUNTS.double()}, ["0.counts", "int64", "float64"]),
    "counts of two dimensions": ({}, {"0.counts": COUNTS[None]}, ["0.counts", "[16]", "[1, 16]"]),
    "counts above the samples": ({}, {"0.counts": COUNTS + 13}, ["0.counts", "13", "12"]),
    "negative counts": ({}, {"0.counts": COUNTS - 1}, ["0.counts", "negative"]),
    "no fingerprints": ({}, {"2.fingerprints": None}, ["2.fingerprints", "none"]),
}


@pytest.mark.parametrize("case", INCONSISTENT)
def test_inconsistent_files_are_refused(file: pathlib.Path, case: str) -> None:
    change, tensors, words = INCONSISTENT[case]
    _rewrite(file, change, tensors)
    _assert_refused(file, "inconsistent", *words)
