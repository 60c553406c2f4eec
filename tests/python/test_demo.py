"""The demo: all its rows, and scores whose order makes sense."""

import json
import math
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EPOCHS = 8

MLP_PARTNERS = [
    "itself",
    "permuted and rescaled copy",
    "next checkpoint",
    "50 % of weights pruned",
    "90 % of weights pruned",
    "other seed",
    "other seed, by MinHash",
    "width 96",
    "shuffled labels",
    "random",
]
CNN_PARTNERS = [
    "itself",
    "permuted and rescaled copy",
    "next checkpoint",
    "other seed",
    "other seed, by MinHash",
    "random",
]


def run_demo(output: pathlib.Path) -> str:
    command = [sys.executable, ROOT / "examples" / "demo" / "demo.py", "--epochs", str(EPOCHS), "--output", output]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refuse_constant(text: str) -> float:
    raise AssertionError(f"{text} is not JSON")


def read_report(output: pathlib.Path) -> dict[str, Any]:
    return json.loads((output / "report.json").read_text(encoding="utf-8"), parse_constant=refuse_constant)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, str]:
    output = tmp_path_factory.mktemp("demo")
    return output, run_demo(output)


@pytest.fixture(scope="module")
def report(demo: tuple[pathlib.Path, str]) -> dict[str, Any]:
    return read_report(demo[0])


def pairs(report: dict[str, Any], network: str) -> dict[str, dict[str, Any]]:
    return {pair["partner"]: pair for pair in report["pairs"] if pair["network"] == network}


def test_all_rows_are_there(report: dict[str, Any]) -> None:
    assert list(pairs(report, "mlp")) == MLP_PARTNERS
    assert list(pairs(report, "cnn")) == CNN_PARTNERS
    for pair in report["pairs"]:
        assert all(math.isfinite(pair[key]) for key in ("score", "chance", "adjusted", "standard_error", "seconds"))
        assert pair["method"] == ("minhash" if "MinHash" in pair["partner"] else "exact")
        assert (pair["standard_error"] > 0) == (pair["method"] == "minhash")


def test_table_shows_every_row(demo: tuple[pathlib.Path, str], report: dict[str, Any]) -> None:
    lines = demo[1].splitlines()
    for pair in report["pairs"]:
        cells = (f"  {pair['partner']}  ", f" {pair['score']:.4f} ", f" {pair['adjusted']:.4f} ")
        assert any(all(cell in f"{line} " for cell in cells) for line in lines), (pair["partner"], demo[1])


def test_page_shows_the_comparison_that_is_printed(demo: tuple[pathlib.Path, str], report: dict[str, Any]) -> None:
    page = (demo[0] / "report.html").read_text(encoding="utf-8")
    assert "<title>MLP on digits, 50 % of weights pruned</title>" in page
    adjusted = pairs(report, "mlp")["50 % of weights pruned"]["adjusted"]
    assert f"adjusted {adjusted:.3f}" in demo[1]
    assert f"{adjusted:.3f}" in page


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_same_function_scores_1(report: dict[str, Any], network: str) -> None:
    rows = pairs(report, network)
    assert rows["itself"]["score"] == 1
    assert rows["itself"]["adjusted"] == 1
    assert 1 - 1e-4 <= rows["permuted and rescaled copy"]["score"] <= 1


def test_order_of_mlps_makes_sense(report: dict[str, Any]) -> None:
    adjusted = {name: pair["adjusted"] for name, pair in pairs(report, "mlp").items()}
    for related, less_related in [
        ("permuted and rescaled copy", "next checkpoint"),
        ("next checkpoint", "50 % of weights pruned"),
        ("50 % of weights pruned", "90 % of weights pruned"),
        ("50 % of weights pruned", "other seed"),
        ("other seed", "shuffled labels"),
        ("shuffled labels", "random"),
        ("width 96", "random"),
    ]:
        assert adjusted[related] > adjusted[less_related], (related, less_related)
    assert adjusted["next checkpoint"] > 0.7
    assert abs(adjusted["random"]) < 0.15


def test_order_of_cnns_makes_sense(report: dict[str, Any]) -> None:
    adjusted = {name: pair["adjusted"] for name, pair in pairs(report, "cnn").items()}
    assert adjusted["next checkpoint"] > adjusted["other seed"] > adjusted["random"]
    assert adjusted["next checkpoint"] > 0.5
    assert abs(adjusted["random"]) < 0.15


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_sketches_agree_with_exact_counts(report: dict[str, Any], network: str) -> None:
    exact, sketched = (pairs(report, network)[name] for name in ("other seed", "other seed, by MinHash"))
    assert abs(sketched["score"] - exact["score"]) < 5 * sketched["standard_error"] + 0.01
    assert abs(sketched["chance"] - exact["chance"]) < 0.01


def test_trained_networks_classify(report: dict[str, Any]) -> None:
    accuracy = {name: network["test_accuracy"] for name, network in report["networks"].items()}
    assert min(accuracy[name] for name in ("mlp", "cnn", "mlp, other seed", "cnn, other seed")) > 0.9
    assert max(accuracy[name] for name in ("mlp, random", "cnn, random", "mlp, shuffled labels")) < 0.35


def test_second_run_is_equal_but_for_times(demo: tuple[pathlib.Path, str], report: dict[str, Any]) -> None:
    networks = {file: file.stat().st_mtime_ns for file in (demo[0] / "networks").iterdir()}
    run_demo(demo[0])
    assert {file: file.stat().st_mtime_ns for file in (demo[0] / "networks").iterdir()} == networks, "all were cached"
    again = read_report(demo[0])
    for pair in (*report["pairs"], *again["pairs"]):
        pair.pop("seconds")
    assert again == report
