"""The benchmarks on a GPU. They run on the CPU and on an emulated GPU too. No test looks at times."""

import dataclasses
import io
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable

import built
import devices
import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# E402: they are found from here on only.
from benchmarks import __main__ as entry  # noqa: E402
from benchmarks import cuda, harness, report, session  # noqa: E402, F401
from benchmarks.cuda import (  # noqa: E402
    activation_signatures,
    answers,
    card,
    compare,
    data,
    jaccard,
    rooflines,
    suite,
)
from benchmarks.cuda.clock import EventClock  # noqa: E402
from benchmarks.cuda.settings import CardSettings  # noqa: E402
from benchmarks.harness import Contestant, Effort, Limit, Measurement, Row  # noqa: E402
from benchmarks.suite import Run  # noqa: E402

PAGE = ROOT / "docs" / "performance" / "cuda.md"
UNMEASURED = "ot measured yet"


class StandIn:
    """A device of one queue, whose time passes by what it is given to do. Keeps what it was asked for."""

    def __init__(self) -> None:
        self.queue: list[Callable[[], None]] = []
        self.now = 0.0
        self.asked: list[str] = []

    def does(self, seconds: float) -> None:
        def work() -> None:
            self.now += seconds

        self.queue.append(work)

    def call(self, seconds: float) -> Callable[[], str]:
        def call() -> str:
            self.asked.append("call")
            self.does(seconds)
            return f"answer {self.asked.count('call')}"

        return call

    def new_event(self) -> "StandInEvent":
        return StandInEvent(self)

    def flush(self) -> None:
        self.asked.append("flush")
        self.does(100.0)

    def synchronize(self) -> None:
        self.asked.append("synchronize")
        for work in self.queue:
            work()
        self.queue.clear()


class StandInEvent:
    def __init__(self, device: StandIn):
        self.device = device
        self.at: float | None = None

    def record(self) -> None:
        self.device.asked.append("record")

        def pass_() -> None:
            self.at = self.device.now

        self.device.queue.append(pass_)

    def seconds_since(self, earlier: "StandInEvent") -> float:
        assert self.at is not None
        assert earlier.at is not None
        return self.at - earlier.at


def test_a_call_is_timed_from_one_event_to_the_other() -> None:
    device = StandIn()
    clock = EventClock(device)
    assert clock.seconds(device.call(0.003), expected=0.003) == pytest.approx(0.003)
    assert device.asked == ["synchronize", "flush", "record", "call", "record", "synchronize"]
    device.asked.clear()
    assert clock.seconds(device.call(0.3), expected=0.3) == pytest.approx(0.3)
    assert device.asked == ["synchronize", "flush", "synchronize", "record", "call", "record", "synchronize"]


def test_the_first_call_gives_the_answer_and_a_second_the_time() -> None:
    device = StandIn()
    assert EventClock(device).first(device.call(0.004)) == ("answer 1", pytest.approx(0.004))
    assert device.asked.count("call") == 2
    contestants = [Contestant("a", device.call(0.004)), Contestant("b", device.call(1.5))]
    seconds, found = harness.measure(contestants, Effort(0.01, least=2, long=1.0), EventClock(device))
    assert seconds == [pytest.approx([0.004] * 3), pytest.approx([1.5])], "the long one isn't repeated"
    assert found == ["answer 3", "answer 5"]


def test_the_median_counts_with_the_quartiles_about_it() -> None:
    clock = EventClock(StandIn())
    assert clock.typical([1.0, 9.0, 2.0, 3.0, 4.0]) == (3.0, pytest.approx(2 / 3))
    assert clock.typical([2.0]) == (2.0, None)
    summed = harness.summed_up(Contestant("a", lambda: None), [1.0, 9.0, 2.0, 3.0, 4.0], "", clock)
    assert report.time_text(summed) == "3 s ± 66.7%"
    assert report.time_text(dataclasses.replace(summed, spread=None)) == "3 s"


class HostEvent:
    """A millisecond passes from one to the next."""

    now = 0.0

    def record(self) -> None:
        HostEvent.now += 0.001
        self.at = HostEvent.now

    def seconds_since(self, earlier: "HostEvent") -> float:
        return self.at - earlier.at


class HostDevice:
    """The CPU as a device: it has done everything by the time that it is asked."""

    new_event = HostEvent

    def flush(self) -> None:
        pass

    def synchronize(self) -> None:
        pass


class HostCard(card.Card):
    """Numbers are drawn on the CPU."""

    def normal(self, rows: int, columns: int, seed: int = 0) -> Tensor:
        return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)).to(self.device)

    def uniform(self, rows: int, columns: int, seed: int) -> Tensor:
        return torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)).to(self.device)


def host_card(device: str | torch.device = "cpu") -> card.Card:
    return HostCard(torch.device(device), EventClock(HostDevice()))


SMOKE = CardSettings("smoke", 1, card=host_card())


@pytest.fixture(scope="module", params=devices.DEVICES)
def run(request: pytest.FixtureRequest) -> Run:
    """Of everything, on every device there is."""
    device = devices.ready(request.param)
    options = entry.parsed(["--device", "cuda", "--smoke", "--threads", "1"])
    made = Run(options, [], Console(file=io.StringIO()), report.Results("smoke", "./run bench"))
    suite.measure_on(card.find() if device.type == "cuda" else host_card(device), made, suite.SUITE.benchmarks)
    return made


def test_every_benchmark_ran_and_agreed(run: Run) -> None:
    assert {row.benchmark for row in run.results.rows} == set(suite.RACES) == set(suite.SUITE.benchmarks)
    assert set(suite.RACES) <= set(report.TITLES)
    for row in run.results.rows:
        assert row.checked
        assert not row.ours.problem, row
        assert not any(peer.problem for peer in row.peers), row
    assert not run.results.problems
    ways = {row.tags["path"] for row in run.results.rows if row.benchmark == jaccard.NAME}
    of_kernels = {"popcount"} if run.results.machine["card"] != "none: cpu" else set()
    assert {"", *of_kernels} <= ways <= {"", *jaccard.LIMITS}


def test_every_target_has_a_verdict(run: Run) -> None:
    assert len(run.results.targets) == 18
    unmeasured = [target for target in run.results.targets if target.verdict == "not measured"]
    # Those are of one size, which the smoke test hasn't.
    assert {target.text.split(":")[0] for target in unmeasured} == {"4096² × 65536"}


def test_the_page_says_so_until_a_run_has_written_it(run: Run, tmp_path: pathlib.Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    others = {"command", "machine", "limits", "targets"}
    assert sorted(re.findall(r"<!-- bench: (\w+) -->", text)) == sorted({*suite.RACES, *others})
    written_by_a_run = "| card |" in text
    for body in re.findall(r"<!-- bench: \w+ -->(.*?)<!-- end -->", text, re.DOTALL):
        assert (UNMEASURED in body) != written_by_a_run
        assert written_by_a_run or not re.search(r"\d", body), "a figure without a run"
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    report.write_docs(run.results, page)
    written = page.read_text(encoding="utf-8")
    assert UNMEASURED not in written
    assert len(re.findall(r"^\| .* \| (?:met|MISSED|not measured) \|", written, re.MULTILINE)) == 18
    assert "| card |" in written


def test_targets_are_judged() -> None:
    def row(tags: dict[str, str | float], seconds: float, *peers: tuple[str, str, float], problem: str = "") -> Row:
        ours = Measurement("funcsim", "", seconds, seconds, 1, problem)
        theirs = tuple(Measurement(name, label, time, time, 1) for name, label, time in peers)
        return Row("b", "case", 1, ours, theirs, "checked", work=8e9, limit=Limit("memory read", 4e12), tags=tags)

    packed = activation_signatures.targets([row({}, 0.0026), row({}, 0.0024)])
    assert [target.verdict for target in packed[:1]] == ["MISSED"]
    assert packed[0].got == pytest.approx(8e9 / 4e12 / 0.0026)

    size = {"path": "", "units": 4096, "samples": 65_536}
    times = (("torch", "fp16 matmul", 0.009), ("torch", "fp16 matmul from bits", 0.0091), ("torch", "_int_mm", 0.001))
    for seconds, verdicts in ((0.0029, ["met", "met", "met"]), (0.0031, ["MISSED", "MISSED", "MISSED"])):
        judged = jaccard.targets([row(size, seconds, *times), row({**size, "path": "popcount"}, 1.0, *times)])
        assert [target.verdict for target in judged[:3]] == verdicts
    assert jaccard.targets([row(size, 0.0029, *times, problem="off")])[0].verdict == "MISSED"

    parts = ((compare.FORWARDS, "", 1.0), (compare.APART, "", 1.4), (compare.ASSIGNMENT, "", 3.0))
    judged = compare.targets([row({"method": "exact", "way": compare.FRONT}, 2.0, *parts)])
    of_front = [target for target in judged if target.text.startswith(compare.FRONT)]
    assert [(target.got, target.verdict) for target in of_front] == [(1.4, "met"), (pytest.approx(0.3), "met")]
    slower = [(compare.FORWARDS, "", 0.9), *parts[1:]]
    assert compare.targets([row({"method": "exact", "way": compare.FRONT}, 2.0, *slower)])[4].verdict == "MISSED"
    wrong = compare.targets([row({"method": "exact", "way": compare.FRONT}, 2.0, *parts, problem="off")])
    assert [target.verdict for target in wrong if target.got is not None][:2] == ["MISSED", "MISSED"]


def test_a_card_that_is_missing_is_said() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    command = [sys.executable, "-m", "benchmarks", "--device", "cuda", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == session.NO_DEVICE == 4
    assert "--device cuda can't be measured on this machine. There is no CUDA device. Looked at torch" in done.stderr
    for place in (f"torch {torch.__version__} (built", "/dev/nvidia*", "nvidia-smi (", "CUDA_VISIBLE_DEVICES ("):
        assert place in done.stderr
    assert not done.stdout


def test_options_are_those_of_the_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert session.run_session(entry.parsed(["--device", "cuda", "--list"]), []) == 0
    assert capsys.readouterr().out.split() == list(suite.RACES)
    assert session.run_session(entry.parsed(["--device", "cuda", "memory"]), []) == 2
    assert "no benchmark 'memory'. There are: activation_signatures, jaccard" in capsys.readouterr().err
    options = entry.parsed(["--device", "cuda", "--quick"])
    assert session._shown_options(options)[:3] == ["--device", "cuda", "--quick"]
    with pytest.raises(SystemExit, match="2"):
        entry.parsed(["--device", "tpu"])


def test_bits_of_torch_are_those_of_numpy() -> None:
    random = np.random.default_rng(0)
    fires = random.random((40, 19)) < 0.4
    packed = np.packbits(fires.T, axis=1, bitorder="little")
    preactivations = torch.from_numpy(np.where(fires, 0.5, -0.5))
    np.testing.assert_array_equal(activation_signatures.by_torch(preactivations), packed)
    np.testing.assert_array_equal(data.packed(torch.from_numpy(fires.T.copy())), packed)
    np.testing.assert_array_equal(data.unpacked(torch.from_numpy(packed), torch.int8), fires.T)
    signatures = data.random_signatures(host_card(), 60, 8192, 3)
    shares = np.unpackbits(signatures.numpy(), axis=1).mean(axis=1)
    np.testing.assert_allclose(shares, data.mixed_densities(60, 3), atol=0.03)


def raced(ours: Callable[[], object], contestant: Contestant) -> Row:
    return SMOKE.race("jaccard", "case", ours, [contestant], checked="both")


def test_answers_that_differ_from_the_cpus_by_one_bit_are_wrong() -> None:
    right = torch.rand(5, 7)
    wrong = right.clone()
    wrong[3, 4] = wrong[3, 4].nextafter(torch.tensor(2.0))
    on_cpu = answers.with_copies(lambda given: given * 1, [right])
    assert raced(lambda: right, on_cpu).ratio(answers.ON_CPU) is not None
    row = raced(lambda: wrong, on_cpu)
    assert row.ours.problem.startswith("1 values differ from the CPU's, the first at [3, 4]: ")
    assert row.ratio() is None
    assert raced(lambda: -torch.zeros(2), answers.with_copies(torch.zeros_like, [torch.ones(2)])).ours.problem
    assert "float64 [5, 7], the CPU gives float32 [5, 7]" in raced(right.double, on_cpu).ours.problem
    assert "1 tensors, the CPU gives 2" in answers.first_difference_of_all(right, (right, right))
    assert not answers.first_difference_of_all((right, [wrong]), [right, wrong])
    nan = torch.full((3,), torch.nan)
    assert not answers.first_difference(nan, nan.clone())
    assert "at []" in answers.first_difference(torch.tensor(1), torch.tensor(2))


def test_peers_that_are_off_are_refused() -> None:
    right = torch.rand(5, 7)
    for answer, problem in (
        (right + 1e-6, ""),
        (right + 1e-3, "off by up to 0.001"),
        (torch.full((5, 7), torch.nan), "off by up to nan"),
        (right[:4], "float32 [4, 7] instead of float32 [5, 7]"),
    ):
        row = raced(lambda: right, Contestant("torch", lambda answer=answer: answer))  # type: ignore[misc]
        assert row.peers[0].problem == problem
        assert (row.ratio() is None) == bool(problem)
    assert raced(lambda: right, Contestant("copy", lambda: 0, is_peer=False)).peers[0].problem == ""


def test_ways_to_count_are_those_that_the_card_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert jaccard.paths(host_card()) == [], "the CPU has no such ways"
    seen: list[str] = []

    def operator(a: Tensor, b: Tensor) -> Tensor:
        way = os.environ[jaccard.FORCED]
        seen.append(way)
        if way not in {"popcount", "mma_s8"}:
            raise RuntimeError(f"no such way: {way}")
        return a[:, :1] * b[:, 0] * 0.5

    monkeypatch.setattr(torch.ops.funcsim, "jaccard", operator)
    monkeypatch.setenv(jaccard.FORCED, "popcount")
    assert jaccard.paths(host_card()) == ["popcount", "mma_s8"]
    assert os.environ[jaccard.FORCED] == "popcount"
    assert seen == ["no such way", *jaccard.LIMITS]
    rows = list(jaccard._size(SMOKE, 64, 256, ["popcount"]))
    assert [row.tags["path"] for row in rows] == ["", "popcount"]


def test_wrong_comparisons_are_found() -> None:
    a, b = (compare.data.mlp([8, 16, 16, 3], seed) for seed in (1, 2))
    pair = compare.Pair(a, b, torch.randn(200, 8, generator=torch.Generator().manual_seed(0)))
    expected = compare.answers_on_cpu(pair.evidence("exact"))
    networks = [*pair.described[0], *pair.described[1]]
    found = torch.ops.funcsim.compare(*networks, pair.inputs, "exact")
    check = compare.check_against(expected)
    assert not check(found)
    assert not check(torch.ops.funcsim.compare_with_chance(*networks, pair.inputs, "exact"))
    assert not check(compare.funcsim.compare(a, b, pair.inputs, method="exact"))
    score, layers, matches, similarities = found
    assert check((score + 1e-12, layers, matches, similarities))
    assert check((score, layers, [matches[0].flip(0), matches[1]], similarities))
    assert check((score, layers, matches, [similarities[0], similarities[1] * 0.5]))
    assert check(torch.ops.funcsim.compare_with_chance(*networks, pair.inputs, "exact", 1024, 7))
    on_cpu = Contestant(answers.ON_CPU, lambda: None)
    assert compare._compare(found, on_cpu, found) == ("", "")
    assert compare._compare(found, on_cpu, (score + 0.01, layers, matches, similarities))[1].startswith("score 0.")


def test_all_but_the_assignment_is_what_is_left_to_solve() -> None:
    a, b = (compare.data.mlp([8, 16, 12, 3], seed) for seed in (1, 2))
    pair = compare.Pair(a, b, torch.randn(200, 8, generator=torch.Generator().manual_seed(0)))
    for way, method, count in (
        (compare.OPERATOR, "exact", 2),
        (compare.WITH_CHANCE, "exact", 4),
        (compare.FRONT, "exact", 4),
        (compare.FRONT, "minhash", 4),
    ):
        matrices = compare.all_but_assignment(pair, way, method)
        assert [list(matrix.shape) for matrix in matrices] == [[16, 16], [12, 12]] * (count // 2)
        comparison = compare.funcsim.compare(a, b, pair.inputs, method=method, num_hashes=compare.SLOTS)
        for layer, matrix in zip(comparison.layers, matrices, strict=False):
            rows, columns = torch.ops.funcsim.linear_sum_assignment(matrix, maximize=True)
            torch.testing.assert_close(matrix[rows, columns].mean().item(), layer.score, rtol=1e-6, atol=0)


def test_limits_are_read_from_the_program() -> None:
    program = built.need(built.BUILD / "tests" / "emulated_cuda" / "cuda_rooflines_emulated")
    done = subprocess.run([program, "--smoke"], capture_output=True, text=True, timeout=120, check=True)
    limits = rooflines.limits_of(json.loads(done.stdout))
    assert set(limits) == {"memory read", "memory copy", *jaccard.ANY_LIMIT} - {"torch _int_mm"}
    assert all(limit.rate > 0 for limit in limits.values())
    assert {name: limit.unit for name, limit in limits.items() if limit.unit != "bit pairs"} == {
        "memory read": "bytes",
        "memory copy": "bytes",
        "mma s8": "multiply-adds",
    }


def test_limits_without_the_program_are_torchs(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("FUNCSIM_BUILD_DIR", str(tmp_path))
    limits = rooflines.measure_all(host_card(), "smoke", SMOKE.effort)
    assert {"torch sum", "torch copy", "torch _int_mm", "to the host, pinned"} <= set(limits)
    assert "memory read" not in limits
    settings = CardSettings("smoke", 1, limits, card=host_card())
    assert settings.highest("memory read", "torch sum") == limits["torch sum"]
    assert settings.highest("memory read") is None
    slower, faster = (Limit("memory read", limits["torch sum"].rate * factor) for factor in (0.5, 2))
    assert (
        CardSettings("smoke", 1, limits | {"memory read": slower}, card=host_card()).highest("memory read", "torch sum")
        == limits["torch sum"]
    )
    assert (
        CardSettings("smoke", 1, limits | {"memory read": faster}, card=host_card()).highest("memory read", "torch sum")
        == faster
    )
    program = tmp_path / "benchmarks" / "kernels" / rooflines.PROGRAM
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'no code for this card' >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(RuntimeError, match="failed with 1:\nno code for this card"):
        rooflines.with_program("full")
