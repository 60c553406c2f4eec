"""The benchmarks run, compare nothing with a wrong answer, and call a missed target missed. No test looks at times."""

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import built
import numpy as np
import pytest
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
if not built.REQUIRED:
    for peer in ("datasketch", "lap", "matplotlib", "numkong", "rensa"):
        pytest.importorskip(peer, reason="./run bench installs what funcsim is compared with")

sys.path.insert(0, str(ROOT))

# E402: they are found, and their peers are there, from here on only.
from benchmarks import (  # noqa: E402
    __main__ as entry,
)
from benchmarks import (  # noqa: E402
    activation_signatures,
    compare,
    cpu_suite,
    data,
    harness,
    jaccard,
    linear_sum_assignment,
    machine,
    memory,
    minhash,
    minhash_jaccard,
    plots,
    report,
    rooflines,
    scaling,
    session,
    targets,
)
from benchmarks.harness import Contestant, Limit, Measurement, Row  # noqa: E402
from benchmarks.settings import Settings  # noqa: E402
from benchmarks.targets import Target  # noqa: E402

SMOKE = Settings("smoke", 1)


def run_benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Prescott", "FUNCSIM_BUILD_DIR": str(built.BUILD)}
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, str]:
    output = tmp_path_factory.mktemp("bench") / "new folder"
    done = run_benchmarks("--smoke", "--output", str(output))
    assert done.returncode == 0, done.stdout + done.stderr
    return output, done.stdout


@pytest.fixture(scope="module")
def results(smoke: tuple[pathlib.Path, str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((smoke[0] / "results.json").read_text(encoding="utf-8"))
    return content


def test_every_benchmark_ran_and_agreed(results: dict[str, Any]) -> None:
    assert {row["benchmark"] for row in results["rows"]} == set(cpu_suite.RACES)
    for row in results["rows"]:
        assert row["checked"]
        assert not row["ours"]["problem"], row
        assert all(peer["ratio"] > 0 for peer in row["peers"] if not peer["problem"]), row
        wrong = {(row["case"], peer["label"]) for peer in row["peers"] if peer["problem"]}
        assert wrong <= {("tiny 50", "lapjvc float64")}, "which takes costs of 1e-30 for equal"


def test_every_package_took_part(results: dict[str, Any]) -> None:
    assert {peer["package"] for row in results["rows"] for peer in row["peers"]} == {
        *(
            "NumKong",
            "by hand",
            "comparison",
            "datasketch",
            "forward passes",
            "lapx",
            "numpy",
            "numpy copy",
            "rensa",
            "scipy",
            "torch",
        )
    }
    solvers = {
        peer["label"].split()[0] for row in results["rows"] for peer in row["peers"] if peer["package"] == "lapx"
    }
    import lap

    dense = {name for name in dir(lap) if name.startswith("lapjv") and not name.endswith("_batch")}
    assert solvers == dense, "every dense solver that it exports"


def test_every_target_is_printed_with_its_verdict(smoke: tuple[pathlib.Path, str], results: dict[str, Any]) -> None:
    assert len(results["targets"]) == 26
    printed = re.sub(r"\s+", " ", smoke[1].replace("│", " "))
    for target in results["targets"]:
        assert target["text"] in printed
        bound = f"{target['bound']} {target['wanted']:g}"
        assert f"{bound} " in printed
        assert target["verdict"] in {"met", "MISSED", "not measured"}


def test_tables_and_plots_are_written(smoke: tuple[pathlib.Path, str]) -> None:
    assert {file.name for file in smoke[0].iterdir()} == {"results.json", "tables.md", "ratios.svg", "peak-memory.svg"}
    tables = (smoke[0] / "tables.md").read_text(encoding="utf-8")
    for title in (*report.TITLES.values(), "Machine", "Targets", "Peak memory of compare"):
        assert f"## {title}\n" in tables
    for name in ("ratios.svg", "peak-memory.svg"):
        assert "</svg>" in (smoke[0] / name).read_text(encoding="utf-8")


def test_machine_is_described(results: dict[str, Any]) -> None:
    described = results["machine"]
    for key in ("cpu", "caches", "memory", "flags", "torch cpu capability", "commit", "load average"):
        assert described[key], key
    assert described["cores"] == len(os.sched_getaffinity(0))
    assert set(described["packages"]) == {"funcsim", *machine.PACKAGES}
    assert "not installed" not in described["packages"].values()
    assert described["dropped variables"] == sorted(set(machine.PINNING) & {*os.environ, "OPENBLAS_CORETYPE"})
    assert re.fullmatch(r"[\d.]+%", described["others' share of the processors"])


def test_bad_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["--smoke", "jacard"], "no benchmark 'jacard'. There are: activation_signatures, jaccard"),
        (["--write-docs", "jaccard"], "--write-docs takes a run of all benchmarks"),
    ):
        assert session.run_session(entry.parsed(arguments), []) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        entry.parsed(["--threads", "0"])
    assert "--threads must be at least 1, got 0" in capsys.readouterr().err


def test_environment_drops_what_pins_and_sets_threads() -> None:
    given = {"OPENBLAS_CORETYPE": "Haswell", "FUNCSIM_SIMD": "avx2", "OMP_NUM_THREADS": "7"}
    prepared, dropped = machine.environment(2, given)
    assert dropped == ["OPENBLAS_CORETYPE"]
    assert prepared == {"FUNCSIM_SIMD": "avx2", **dict.fromkeys(machine.THREADS, "2")}


def test_contestants_take_turns() -> None:
    order: list[str] = []
    contestants = [Contestant(name, lambda name=name: order.append(name)) for name in "abc"]
    seconds, _ = harness.measure(contestants, harness.Effort(0.0, least=2))
    assert [len(times) for times in seconds] == [2, 2, 2]
    calls = "".join(order)
    assert re.fullmatch(r"abc(a+b+c+){2}", calls), calls


def test_long_calls_are_made_once() -> None:
    calls: list[int] = []
    seconds, answers = harness.measure(
        [Contestant("slow", lambda: calls.append(1) or len(calls))], harness.Effort(1.0, long=0.0)
    )
    assert len(calls) == len(seconds[0]) == 1
    assert answers == [1]


def row_with(problem: str = "", peers: tuple[Measurement, ...] = (), **fields: Any) -> Row:
    ours = Measurement("funcsim", "", 1.0, 1.0, 1, problem)
    return Row("jaccard", "case", 1, ours, peers, "held against numpy", **fields)


RIGHT = Measurement("scipy", "", 3.0, 3.0, 1)
WRONG = Measurement("lapx", "lapjv", 2.0, 2.0, 1, "not optimal")
COPY = Measurement("numpy copy", "", 0.5, 0.5, 1, is_peer=False)


def test_wrong_answers_have_no_ratio() -> None:
    assert row_with(peers=(RIGHT, WRONG, COPY)).ratio() == 3
    assert row_with(peers=(RIGHT, WRONG)).ratio("lapx") is None
    assert row_with("off by 1", (RIGHT,)).ratio() is None
    assert row_with("off by 1", work=8.0, limit=Limit("roofline", 16.0)).share is None
    assert row_with(work=8.0, limit=Limit("roofline", 16.0)).share == 0.5
    unchecked = Row("jaccard", "case", 1, row_with().ours, (RIGHT,))
    assert unchecked.ratio() is None
    shown = report.rows_grid("jaccard", [row_with(peers=(RIGHT, WRONG)), row_with("off by 1", (RIGHT,))]).lines
    assert "refused: not optimal" in shown[0]
    assert "WRONG: off by 1" in shown[1]
    assert not any("×" in cell for cell in shown[1])


def test_peers_of_one_thread_are_marked_next_to_more() -> None:
    alone = Measurement("scipy", "", 3.0, 3.0, 1, one_thread=True)
    row = row_with(peers=(alone, dataclasses.replace(RIGHT, package="NumKong")))
    for threads, shown in ((2, "scipy (one thread)"), (1, "scipy")):
        grid = report.rows_grid("jaccard", [dataclasses.replace(row, threads=threads)])
        assert grid.headings[-2:] == (shown, "NumKong")
        assert grid.lines[0][-2].endswith("3.00×")


def test_the_target_of_building_sketches_is_for_new_seeds() -> None:
    rows = [
        dataclasses.replace(row_with(peers=(Measurement("rensa", "", ratio, ratio, 1),)), tags={"seeds": seeds})
        for seeds, ratio in (("new", 21.0), ("same", 19.0))
    ]
    assert [target.got for target in minhash.targets(rows)] == [21.0]


def test_targets_say_what_was_missed() -> None:
    row = row_with(peers=(RIGHT,))
    assert targets.worst("b", "t", 2, [row]).verdict == "met"
    assert targets.worst("b", "t", 4, [row]).verdict == "MISSED"
    assert targets.worst("b", "t", 4, []).verdict == "not measured"
    assert targets.worst("b", "t", 0.5, [row, row_with("off by 1", (RIGHT,))]).verdict == "MISSED"
    other = row_with(peers=(Measurement("scipy", "", 27.0, 27.0, 1),))
    assert targets.mean("b", "t", 9, [row, other]).got == pytest.approx(9)
    assert Target("b", "t", "at most", 1.3, 1.31).verdict == "MISSED"
    assert Target("b", "t", "at most", 1.3, 1.29).verdict == "met"
    shown = report.targets_grid([Target("b", "t", "at least", 2, 1.5)]).lines[0]
    assert shown[2:5] == ("at least 2", "1.5", "MISSED")
    assert all(target.verdict == "not measured" for _, judge in cpu_suite.RACES.values() for target in judge([]))
    reported = Target("b", "t", "any", 0, 0.3)
    assert (reported.shown, reported.verdict) == ("to be reported", "met")
    assert dataclasses.replace(reported, got=-float("inf")).verdict == "MISSED"
    slow = dataclasses.replace(row, ours=dataclasses.replace(row.ours, seconds=0.0031))
    assert targets.at_most("b", "t", 3, [slow], 1000).verdict == "MISSED"
    assert targets.at_most("b", "t", 3.2, [slow], 1000).verdict == "met"
    assert targets.at_most("b", "t", 3.2, [row_with("off by 1")], 1000).verdict == "MISSED"
    assert targets.at_most("b", "t", 3, []).verdict == "not measured"
    assert all(target.verdict == "not measured" for target in (*memory.targets([]), *scaling.targets([])))


def test_targets_of_memory_and_growth() -> None:
    mebibyte = 1 << 20

    def peaks(method: str, sizes: list[int]) -> list[memory.Peak]:
        return [memory.Peak(method, memory.STREAMED, 1024, 1000 * 2**i, size) for i, size in enumerate(sizes)]

    bits = 2 * memory.DEPTH * 1024 * 1000 // 8
    # The first is small: with few inputs there is no block yet to be kept.
    flat = peaks("minhash", [mebibyte * i for i in (2, 9, 9, 9)])
    good = peaks("exact", [5 * mebibyte + bits * i for i in (1, 2, 4)]) + flat
    assert [target.got for target in memory.targets(good)] == pytest.approx([1, 1])
    bad = peaks("exact", [8 * bits * i for i in (1, 2, 4)]) + peaks("minhash", [mebibyte * i for i in (12, 8, 9, 12)])
    assert [target.verdict for target in memory.targets(bad)] == ["MISSED", "MISSED"]
    growth = scaling.Growth("jaccard", "width", (100, 200, 400), (1.0, 8.0, 64.0))
    assert growth.exponent == pytest.approx(3)
    assert [target.verdict for target in scaling.targets([growth])] == ["not measured", "MISSED"]


def raced(call: Callable[[], object], peer: Contestant, module: Any, **options: Any) -> Row:
    return harness.race(
        module.NAME, "case", 1, call, [peer], effort=harness.Effort(0.0), checked=module.CHECKED, **options
    )


def test_assignments_that_are_no_optimum_are_refused() -> None:
    cost = data.uniform(20, 20)
    optimum = linear_sum_assignment.contestants(cost, ())[0].call
    rows, columns = optimum()
    swapped = (rows, np.concatenate([columns[:2][::-1], columns[2:]]))
    twice = (rows, np.concatenate([columns[:1], columns[:1], columns[2:]]))
    options = {"compare": linear_sum_assignment.compare_sums(cost)}
    right = raced(optimum, Contestant("scipy", optimum), linear_sum_assignment, **options)
    assert right.ratio() is not None
    cheapest = (rows, cost.argmin(axis=1))  # a sum below the optimum
    for wrong in (swapped, twice, cheapest, (rows[:5], columns[:5])):
        row = raced(
            optimum, Contestant("lapx", lambda wrong=wrong: wrong, "lapjv float32"), linear_sum_assignment, **options
        )
        assert row.ratio() is None
        assert row.peers[0].problem
        row = raced(lambda wrong=wrong: wrong, Contestant("scipy", optimum), linear_sum_assignment, **options)
        assert row.ours.problem
        assert row.ratio() is None


def test_wrong_similarities_are_refused() -> None:
    samples = 1000
    a, b = (data.random_bits(data.mixed_densities(20, seed), samples, seed) for seed in (1, 2))
    exact = torch.from_numpy(jaccard.exact_ratios(a, b, samples)).float()
    assert not jaccard.check_ratios(a, b, samples)(exact)
    beside = exact.clone()
    beside[3, 4] = beside[3, 4].nextafter(torch.tensor(2.0)).nextafter(torch.tensor(2.0))
    assert "units 3 and 4" in jaccard.check_ratios(a, b, samples)(beside)
    peer = jaccard.numkong_of_all_pairs(a, b, 1)
    assert jaccard.compare_similarities(exact, peer, peer.call()) == ("", "")
    assert jaccard.compare_similarities(exact, peer, 1 - exact - 1e-3)[1].startswith("off by up to 0.001")
    assert jaccard.compare_similarities(exact, peer, np.full((20, 20), np.nan))[1]

    fires_a, fires_b = (data.unpack(bits, samples) for bits in (a, b))
    shared = (fires_a[3] & fires_b[4]).sum() / (fires_a[3] | fires_b[4]).sum()
    assert exact[3, 4] == np.float32(shared)


def test_wrong_sketches_are_refused() -> None:
    samples, slots = 4096, 256
    densities = data.mixed_densities(32, 1)
    bits = data.random_bits(densities, samples, 3)
    expected = jaccard.exact_ratios(bits, bits, samples)
    sketches = torch.ops.funcsim.minhash(torch.from_numpy(bits), samples, slots).numpy()
    assert not minhash.estimate_problem(sketches, expected)
    assert minhash.estimate_problem(sketches, 0.8 * expected), "a bias"
    few = np.repeat(sketches[:, : slots // 8], 8, axis=1)
    assert minhash.estimate_problem(few, expected), "a spread of fewer slots"

    a = torch.from_numpy(sketches)
    shares = torch.ops.funcsim.minhash_jaccard(a, a)
    assert not minhash_jaccard.check_shares(a, a, shares)
    assert minhash_jaccard.check_shares(a, a, shares * 0.999)


def test_wrong_bits_are_refused() -> None:
    activations = torch.randn(50, 9, generator=torch.Generator().manual_seed(0))
    right = torch.ops.funcsim.activation_signatures(activations)
    options = {"compare": activation_signatures._compare}
    peer = activation_signatures.with_numpy(activations)
    assert raced(lambda: right, peer, activation_signatures, **options).ratio() is not None
    wrong = right.clone()
    wrong[8, 6] ^= 1
    assert raced(lambda: wrong, peer, activation_signatures, **options).ours.problem == "1 bytes differ from numpy's"


def test_wrong_scores_are_refused() -> None:
    import funcsim

    a, b = (data.mlp([8, 16, 12, 3], seed) for seed in (1, 2))
    inputs = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    comparison = funcsim.compare(a, b, inputs)
    by_hand = compare.score_by_hand(a, b, inputs)
    peer = Contestant(compare.BY_HAND, lambda: by_hand)
    assert compare._compare(comparison, peer, by_hand) == ("", "")
    assert compare._compare(comparison, peer, by_hand + 0.001)[0].startswith("score 0.")


def test_families_have_the_densities_they_should() -> None:
    densities = data.mixed_densities(2000, 1)
    assert densities.mean() == pytest.approx(0.05 + 0.55 / 3, abs=0.01)
    for bits in (data.random_bits(densities[:50], 8192, 2), data.latent_bits(densities[:50], 8192, 2)):
        shares = data.unpack(bits, 8192).mean(axis=1)
        np.testing.assert_allclose(shares, densities[:50], atol=0.03)
    for name, family in data.FAMILIES.items():
        cost = family(24, 24)
        assert cost.shape == (24, 24), name
        assert cost.dtype == np.float32, name
        assert ((cost >= 0) & (cost <= 1)).all(), name


def test_rooflines_are_read_from_google_benchmark() -> None:
    def entry(name: str, threads: int, **counters: float) -> dict[str, object]:
        return {"name": name, "run_type": "iteration", "threads": threads, **counters}

    given = {
        "benchmarks": [
            entry("popcount_roofline/threads:1", 1, **{"bit-pairs/s": 2e12}),
            entry("popcount_roofline/threads:1", 1, **{"bit-pairs/s": 3e12}),
            entry("popcount_roofline/threads:2", 2, **{"bit-pairs/s": 5e12}),
            entry("memory_read", 1, bytes_per_second=4e10),
            entry("slot_roofline", 1, **{"slots/s": 3e11}),
            {"name": "popcount_roofline", "run_type": "aggregate", "bit-pairs/s": 9e12},
        ]
    }
    limits = rooflines.limits_of(rooflines.best_rates(given), 2)
    assert {name: limit.rate for name, limit in limits.items()} == {
        "popcount": 5e12,
        "popcount, 1 thread": 3e12,
        "memory read, 1 thread": 4e10,
        "slot comparison": 6e11,
        "slot comparison, 1 thread": 3e11,
    }
    assert {limit.unit for limit in limits.values()} == {"bit pairs", "bytes", "slots"}
    assert limits["slot comparison"].unit == "slots"


def test_docs_are_filled_between_markers(tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n\n<!-- bench: targets -->\nold\n<!-- end -->\n\nafter\n", encoding="utf-8")
    results = report.Results("smoke", "./run bench", targets=[Target("b", "a figure", "at least", 2, 1.5)])
    for _ in range(2):
        report.write_docs(results, page)
        text = page.read_text(encoding="utf-8")
        assert text.startswith("before\n")
        assert text.endswith("<!-- end -->\n\nafter\n")
        assert "old" not in text
        assert "| b | a figure | at least 2 | 1.5 | MISSED |  |" in text
    page.write_text("<!-- bench: nothing --><!-- end -->", encoding="utf-8")
    with pytest.raises(ValueError, match="no table is called nothing"):
        report.write_docs(results, page)


def test_page_has_every_table() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    names = re.findall(r"<!-- bench: (\w+) -->", page)
    others = {"command", "machine", "limits", "targets", "scaling", "memory", "kernels"}
    assert sorted(names) == sorted({*cpu_suite.RACES, *others})
    assert len(re.findall(r"^\| .* \| (?:met|MISSED|not measured) \|", page, re.MULTILINE)) == 28


def test_plots_are_the_same_for_the_same_numbers(tmp_path: pathlib.Path) -> None:
    for name in ("one.svg", "other.svg"):
        plots.draw_ratios([row_with(peers=(RIGHT,))], tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


@pytest.mark.parametrize("stem", ["shuffle_samples", "signature_statistics"])
def test_kernel_benchmarks_run(stem: str) -> None:
    built.need(rooflines.executable())
    pattern = {
        "shuffle_samples": "shuffle_samples_of_signatures/4096/1$",
        "signature_statistics": "statistics_of.*/4096",
    }
    [entry] = rooflines.run_kernel_benchmarks(pattern[stem], 0.001, 1)["benchmarks"]
    assert entry["items_per_second"] > 0
