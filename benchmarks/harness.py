"""Times contestants turn by turn, and gives a ratio only to those whose answers agree."""

import contextlib
import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

# Calls of fewer seconds are repeated within one measurement, for the clock's sake.
SHORT = 0.001
MOST_ROUNDS = 100

FUNCSIM = "funcsim"


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    budget: float  # seconds for each contestant in each case
    least: int = 3  # measurements
    # A call of this many seconds is made once: it needs no warm-up, and its noise is small beside its length.
    long: float = 5.0


@dataclass(frozen=True)
class Contestant:
    """A way to get the answer."""

    package: str
    call: Callable[[], object]
    label: str = ""  # which of the package's ways
    is_peer: bool = True  # else a reference, which gives no answer: a copy, a forward pass
    work: float = 1.0  # the part of the work that it does, for packages too slow to do all: its time is scaled
    one_thread: bool = False  # whatever number of threads it is given


@dataclass(frozen=True)
class Measurement:
    """How long a contestant took. `seconds` is what counts: the minimum, or what else its clock takes."""

    package: str
    label: str
    seconds: float
    median: float
    repeats: int
    problem: str = ""  # why its time is compared with nobody's
    is_peer: bool = True
    one_thread: bool = False
    spread: float | None = None  # of the times about the one that counts, as a share of it, where that is no minimum

    @property
    def name(self) -> str:
        """Package and way."""
        return f"{self.package} {self.label}".strip()


@dataclass(frozen=True)
class Limit:
    """What the hardware was measured to do, in the unit of a row's work each second."""

    name: str
    rate: float
    unit: str = "bytes"


@dataclass(frozen=True)
class Row:
    """One case: funcsim, its peers, and whether they gave the same answer."""

    benchmark: str
    case: str
    threads: int
    ours: Measurement
    peers: tuple[Measurement, ...] = ()
    checked: str = ""  # what the answers were held against
    work: float = 0.0
    unit: str = ""
    limit: Limit | None = None
    tags: Mapping[str, str | float] = field(default_factory=dict)
    left_out: str = ""  # peers that weren't run, and why

    @property
    def rate(self) -> float | None:
        """Work each second."""
        return self.work / self.ours.seconds if self.work else None

    @property
    def share(self) -> float | None:
        """Of the hardware's limit."""
        if self.rate is None or self.limit is None or self.ours.problem:
            return None
        return self.rate / self.limit.rate

    def best(self, package: str | None = None) -> Measurement | None:
        """The fastest peer, or way of one package, or that way, that gave the right answer."""
        agreeing = [
            peer
            for peer in self.peers
            if not peer.problem and (package in {peer.package, peer.name} or (package is None and peer.is_peer))
        ]
        return min(agreeing, key=lambda peer: peer.seconds, default=None)

    def ratio(self, package: str | None = None) -> float | None:
        """How many times longer the best peer took. None unless both answers were checked and right."""
        best = self.best(package)
        if best is None or self.ours.problem or not self.checked:
            return None
        return best.seconds / self.ours.seconds


# Says what is wrong with an answer, or "".
Check = Callable[[object], str]
# Of a peer's answer, given ours: what is wrong with ours, and what is wrong with the peer's.
Comparison = Callable[[object, Contestant, object], tuple[str, str]]


class Clock(Protocol):
    """How a call is timed, and which of its times counts."""

    def first(self, call: Callable[[], object]) -> tuple[object, float]:
        """Warms up. The answer, and the seconds that a call is expected to take."""

    def calls(self, expected: float) -> int:
        """So many calls are one measurement."""

    def seconds(self, call: Callable[[], object], expected: float) -> float:
        """Of a call, by one measurement."""

    def typical(self, seconds: Sequence[float]) -> tuple[float, float | None]:
        """What counts of all measurements, and their spread about it."""


class HostClock:
    """The processor's. The minimum counts: what others do on a machine only adds to times."""

    def first(self, call: Callable[[], object]) -> tuple[object, float]:
        """The first call is not repeated: it may be long."""
        start = time.perf_counter()
        answer = call()
        return answer, time.perf_counter() - start

    def calls(self, expected: float) -> int:
        """More than one if they are short."""
        return max(1, math.ceil(SHORT / max(expected, 1e-7)))

    def seconds(self, call: Callable[[], object], expected: float) -> float:
        """Without Python's garbage collector."""
        calls = self.calls(expected)
        with without_collector():
            start = time.perf_counter()
            for _ in range(calls):
                call()
            return (time.perf_counter() - start) / calls

    def typical(self, seconds: Sequence[float]) -> tuple[float, float | None]:
        """The minimum, about which there is no spread."""
        return min(seconds), None


HOST = HostClock()


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Python's garbage is collected at another time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def measure(
    contestants: Sequence[Contestant], effort: Effort, clock: Clock = HOST
) -> tuple[list[list[float]], list[object]]:
    """Times contestants in rounds of one measurement each, so that all meet the same noise.

    The first call warms up and gives the answer.

    Returns:
        Seconds of each measurement of each contestant, and their answers.
    """
    expected: list[float] = []
    answers: list[object] = []
    for contestant in contestants:
        answer, seconds = clock.first(contestant.call)
        answers.append(answer)
        expected.append(seconds)
    timed: list[list[float]] = [[seconds] if seconds >= effort.long else [] for seconds in expected]
    once = [bool(times) for times in timed]
    for _ in range(MOST_ROUNDS):
        waiting = [
            index
            for index, times in enumerate(timed)
            if not once[index]
            and (len(times) < effort.least or sum(times) * clock.calls(expected[index]) < effort.budget)
        ]
        if not waiting:
            break
        for index in waiting:
            timed[index].append(clock.seconds(contestants[index].call, expected[index]))
    return timed, answers


def summed_up(contestant: Contestant, seconds: Sequence[float], problem: str, clock: Clock = HOST) -> Measurement:
    """The measurement of a contestant, scaled to all of the work."""
    counts, spread = clock.typical(seconds)
    return Measurement(
        contestant.package,
        contestant.label,
        counts / contestant.work,
        statistics.median(seconds) / contestant.work,
        len(seconds),
        problem,
        contestant.is_peer,
        contestant.one_thread,
        spread,
    )


def race(  # noqa: D417  # the other arguments' names say it
    benchmark: str,
    case: str,
    threads: int,
    ours: Callable[[], object],
    peers: Sequence[Contestant],
    *,
    effort: Effort,
    checked: str,
    check: Check = lambda _: "",
    compare: Comparison = lambda *_: ("", ""),
    work: float = 0.0,
    unit: str = "",
    limit: Limit | None = None,
    tags: Mapping[str, str | float] | None = None,
    left_out: str = "",
    clock: Clock = HOST,
) -> Row:
    """Measures funcsim and its peers, and checks their answers before anything is compared.

    Args:
        checked: What the answers are held against, in words.
        check: Holds funcsim's answer against a reference.
        compare: Holds a peer's answer against funcsim's.
    """
    contestants = [Contestant(FUNCSIM, ours), *peers]
    seconds, answers = measure(contestants, effort, clock)
    problem = check(answers[0])
    measurements = []
    for contestant, times, answer in zip(contestants[1:], seconds[1:], answers[1:], strict=True):
        wrong_here, wrong_there = compare(answers[0], contestant, answer)
        problem = problem or wrong_here
        measurements.append(summed_up(contestant, times, wrong_there, clock))
    mine = summed_up(contestants[0], seconds[0], problem, clock)
    return Row(
        benchmark, case, threads, mine, tuple(measurements), checked, work, unit, limit, dict(tags or {}), left_out
    )


def geometric_mean(ratios: Sequence[float]) -> float | None:
    """None of nothing."""
    return math.exp(statistics.fmean(math.log(ratio) for ratio in ratios)) if ratios else None
