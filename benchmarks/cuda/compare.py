"""Comparing two networks that are on the card: against running them, with and without the assignment."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import funcsim
import torch
from funcsim.reading.layer_evidence import Evidence
from funcsim.reading.pair import collect_pair
from torch import Tensor, nn

from .. import data
from ..compare import FORWARDS, SLOTS, TOLERANCE
from ..harness import Contestant, Row
from ..targets import Target, worst
from .answers import ON_CPU, first_difference_of_all
from .settings import CardSettings

NAME = "compare"
CHECKED = "scores and matches, against the CPU's from the same signatures, bit for bit"
APART, ASSIGNMENT = "all but the assignment", "the assignment"
OPERATOR, WITH_CHANCE, FRONT = "operator", "operator, with chance", "funcsim.compare"
MOST = 1.5


@dataclass(frozen=True)
class Pair:
    """Two networks and their inputs, on the card."""

    a: nn.Sequential
    b: nn.Sequential
    inputs: Tensor
    described: list[tuple[str, list[Tensor]]] = field(init=False)  # as operators take networks

    def __post_init__(self) -> None:
        described = [(funcsim.describe(network), funcsim.parameters(network)) for network in (self.a, self.b)]
        object.__setattr__(self, "described", described)

    def forwards(self) -> None:
        """Runs both, in one batch."""
        with torch.no_grad():
            for network in (self.a, self.b):
                network(self.inputs)

    def evidence(self, method: str) -> list[Evidence]:
        """What the front collects on both."""
        found = collect_pair(
            self.a,
            self.b,
            self.inputs,
            method=method,
            similarity="jaccard",
            num_hashes=SLOTS,
            seed=None,
            margin=None,
            positions=None,
        )
        return list(found)

    def signatures(self) -> list[list[Tensor]]:
        """What operators collect on both."""
        return [list(torch.ops.funcsim.network_signatures(*described, self.inputs)) for described in self.described]


def answers_on_cpu(evidence: Sequence[Evidence]) -> list[Tensor]:
    """Of the evidence that was collected on the card: score, chance, those of layers, matches and similarities."""
    a, b = (one.cpu() for one in evidence)
    _, scores, chances, _, network, partners, similarities = torch.ops.funcsim.compare_layers(
        [layer.rows for layer in a.layers],
        [layer.rows for layer in b.layers],
        b.shuffled,
        a.num_samples,
        b.num_samples,
        "jaccard",
        [],
        b.partners,
    )
    return [network[0], network[1], scores, chances, *partners, *similarities]


def answers_of(answer: object) -> dict[int, Tensor]:
    """What an answer says of that list, by place in it."""
    if isinstance(answer, funcsim.Comparison):
        layers = answer.layers
        numbers = (answer.score, answer.chance, [one.score for one in layers], [one.chance for one in layers])
        tensors = [torch.tensor(number, dtype=torch.float64) for number in numbers]
        # All units have partners where layers are equally wide.
        tensors += [*(one.matches[:, 1] for one in layers), *(one.similarities for one in layers)]
        return dict(enumerate(tensors))
    assert isinstance(answer, tuple)
    if isinstance(answer[-1], Tensor):
        score, chance, _ = answer
        return {0: score, 1: chance}
    score, scores, partners, similarities = answer
    return {0: score, 2: scores, **dict(enumerate([*partners, *similarities], 4))}


def check_against(expected: Sequence[Tensor]) -> Callable[[object], str]:
    """Says where an answer differs."""

    def check(answer: object) -> str:
        found = answers_of(answer)
        return first_difference_of_all([tensor.cpu() for tensor in found.values()], [expected[k] for k in found])

    return check


def _compare(ours: object, contestant: Contestant, theirs: object) -> tuple[str, str]:
    """Ours was held against the CPU's. Its own forward pass may find pre-activations near 0 on the other side."""
    if contestant.package != ON_CPU:
        return "", ""
    score, its = (float(answers_of(answer)[0]) for answer in (ours, theirs))
    return "", f"score {its:.6f}, on the card {score:.6f}" if not abs(score - its) <= TOLERANCE else ""


def _similarities(layers: Sequence[Sequence[Tensor]], shuffled: Sequence[Tensor]) -> list[Tensor]:
    """Of each layer with its counterpart, and with it shuffled."""
    measure = torch.ops.funcsim.jaccard if layers[0][0].dtype == torch.uint8 else torch.ops.funcsim.minhash_jaccard
    found = [measure(x, y) for x, y in zip(*layers, strict=True)]
    return found + [measure(x, y) for x, y in zip(layers[0], shuffled, strict=True)] if shuffled else found


def all_but_assignment(pair: Pair, way: str, method: str) -> list[Tensor]:
    """The matrices whose assignments are left to solve."""
    if way == FRONT:
        a, b = pair.evidence(method)
        layers, shuffled = [[layer.rows for layer in one.layers] for one in (a, b)], b.shuffled
    else:
        layers, shuffled = pair.signatures(), []
    if way != OPERATOR and not shuffled:
        shuffled = [torch.ops.funcsim.shuffle_samples(rows, len(pair.inputs)) for rows in layers[1]]
    return _similarities(layers, shuffled)


def compare_on_cpu(pair: Pair, method: str) -> funcsim.Comparison:
    """What one would do without kernels for the card. Its forward passes are most of it."""
    a, b = (copy.deepcopy(network).cpu() for network in (pair.a, pair.b))
    return funcsim.compare(a, b, pair.inputs.cpu(), method=method, num_hashes=SLOTS)


def _case(settings: CardSettings, pair: Pair, size: str, way: str, method: str, expected: Sequence[Tensor]) -> Row:
    networks = [*pair.described[0], *pair.described[1]]
    calls: dict[str, Callable[[], object]] = {
        OPERATOR: lambda: torch.ops.funcsim.compare(*networks, pair.inputs, method),
        WITH_CHANCE: lambda: torch.ops.funcsim.compare_with_chance(*networks, pair.inputs, method),
        FRONT: lambda: funcsim.compare(pair.a, pair.b, pair.inputs, method=method, num_hashes=SLOTS),
    }
    matrices = all_but_assignment(pair, way, method)

    def assign() -> None:
        for matrix in matrices:
            torch.ops.funcsim.linear_sum_assignment(matrix, maximize=True)

    contestants = [
        Contestant(FORWARDS, pair.forwards, is_peer=False),
        Contestant(APART, lambda: all_but_assignment(pair, way, method), is_peer=False),
        Contestant(ASSIGNMENT, assign, is_peer=False),
    ]
    with_cpu = (way, method) == (FRONT, "exact") and settings.scale != "quick"
    if with_cpu:
        contestants.append(Contestant(ON_CPU, lambda: compare_on_cpu(pair, method)))
    return settings.race(
        NAME,
        f"two {size}, {method}, {way}",
        calls[way],
        contestants,
        checked=CHECKED,
        check=check_against(expected),
        compare=_compare,
        work=len(pair.inputs),
        unit="inputs",
        tags={"way": way, "method": method},
        left_out="" if with_cpu else f"{ON_CPU}, which takes long",
    )


def run(settings: CardSettings) -> Iterator[Row]:
    """Exact counts without and with the chance level, and sketches."""
    widths = settings.pick([32, 64, 64, 10], [784, 4096, 4096, 4096, 10], [784, 4096, 4096, 4096, 10])
    count = settings.pick(500, 60_000, 60_000)
    a, b = (data.mlp(widths, seed).to(settings.card.device) for seed in (1, 2))
    pair = Pair(a, b, settings.card.normal(count, widths[0]))
    size = f"{'-'.join(map(str, widths))} MLPs, {count} inputs"
    expected = {method: answers_on_cpu(pair.evidence(method)) for method in ("exact", "minhash")}
    for way, method in ((OPERATOR, "exact"), (WITH_CHANCE, "exact"), (FRONT, "exact"), (FRONT, "minhash")):
        yield _case(settings, pair, size, way, method, expected[method])


def targets(rows: Sequence[Row]) -> list[Target]:
    """Those of comparing, by exact counts."""
    exact = [row for row in rows if row.tags["method"] == "exact"]
    found = []
    for way in (OPERATOR, WITH_CHANCE, FRONT):
        of_way = [row for row in exact if row.tags["way"] == way]
        over = max((_apart(row) / _seconds(row, FORWARDS) for row in of_way), default=None)
        # Less than it takes alone: much of it is solved while the card works on.
        added = max((1 - _apart(row) / row.ours.seconds for row in of_way), default=None)
        found += [
            Target(NAME, f"{way}: {APART}, over two forward passes", "at most", MOST, over, "exact", len(of_way)),
            Target(NAME, f"{way}: share of the time that {ASSIGNMENT} adds", "any", 0, added, "exact", len(of_way)),
        ]
    return [*found, worst(NAME, "times the CPU, with copies", 1, exact, ON_CPU)]


def _apart(row: Row) -> float:
    """Infinite where the answer is wrong."""
    return float("inf") if row.ours.problem else _seconds(row, APART)


def _seconds(row: Row, reference: str) -> float:
    found = row.best(reference)
    assert found is not None
    return found.seconds
