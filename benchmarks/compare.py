"""Comparing two networks, against running them and against what one writes today."""

import math
from collections.abc import Iterator, Sequence

import funcsim
import numpy as np
import scipy.optimize
import torch
from funcsim import Comparison
from torch import Tensor, nn

from . import data
from .harness import Contestant, Row, race
from .settings import Settings
from .targets import Target, worst

NAME = "compare"
CHECKED = "score, to 10⁻⁴ for exact counts and two standard errors of a single pair for sketches"
# Pre-activations near 0 may fall on either side of it where sums are added up in another order.
TOLERANCE = 1e-4
# A score from sketches is biased upwards, since the matching picks pairs that came out lucky: by their own standard
# error, and not that of the score, which is a mean of thousands.
SLOTS = 1024
LUCK = 2

FORWARDS = "forward passes"
BY_HAND = "by hand"


def signs_by_hooks(model: nn.Sequential, inputs: Tensor) -> list[Tensor]:
    """When each hidden unit fires, 0 or 1 in float32, [samples, units] for each layer."""
    fires: list[Tensor] = []
    linears = [layer for layer in model if isinstance(layer, nn.Linear)][:-1]
    hooks = [layer.register_forward_hook(lambda _, __, output: fires.append((output > 0).float())) for layer in linears]
    with torch.no_grad():
        model(inputs)
    for hook in hooks:
        hook.remove()
    return fires


def score_by_hand(a: nn.Sequential, b: nn.Sequential, inputs: Tensor) -> float:
    """What one writes today: hooks, matrix products and scipy's assignment. No chance level."""
    scores = []
    for x, y in zip(signs_by_hooks(a, inputs), signs_by_hooks(b, inputs), strict=True):
        shared = x.T @ y
        union = x.sum(0)[:, None] + y.sum(0) - shared
        similarity = torch.where(union == 0, 1.0, shared / union).numpy()
        rows, columns = scipy.optimize.linear_sum_assignment(similarity, maximize=True)
        scores.append((similarity[rows, columns].sum(dtype=np.float64), max(similarity.shape)))
    return float(sum(score for score, _ in scores) / sum(units for _, units in scores))


def _compare(ours: object, peer: Contestant, theirs: object) -> tuple[str, str]:
    assert isinstance(ours, Comparison)
    if not peer.is_peer:
        return "", ""
    assert isinstance(theirs, float)
    of_a_pair = math.sqrt(theirs * (1 - theirs) / SLOTS)
    allowed = TOLERANCE if ours.method == "exact" else LUCK * of_a_pair
    difference = abs(ours.score - theirs)
    return (f"score {ours.score:.6f}, by hand {theirs:.6f}", "") if not difference <= allowed else ("", "")


def run(settings: Settings) -> Iterator[Row]:
    """Exact counts and sketches."""
    widths = settings.pick([32, 64, 64, 10], [784, 2048, 2048, 2048, 10], [784, 2048, 2048, 2048, 10])
    count = settings.pick(500, 20_000, 20_000)
    a, b = data.mlp(widths, 1), data.mlp(widths, 2)
    inputs = torch.randn(count, widths[0], generator=torch.Generator().manual_seed(0))

    @torch.no_grad()
    def forwards() -> None:
        for model in (a, b):
            model(inputs)

    for method in ("exact", "minhash"):
        yield race(
            NAME,
            f"two {'-'.join(map(str, widths))} MLPs, {count} inputs, {method}, with chance",
            settings.threads,
            # mypy infers no type for a lambda with a default.
            lambda method=method: funcsim.compare(a, b, inputs, method=method, num_hashes=SLOTS),  # type: ignore[misc]
            [
                Contestant(FORWARDS, forwards, is_peer=False),
                Contestant(BY_HAND, lambda: score_by_hand(a, b, inputs), "without chance"),
            ],
            effort=settings.effort,
            checked=CHECKED,
            compare=_compare,
            work=count,
            unit="inputs",
            tags={"method": method},
        )


def targets(rows: Sequence[Row]) -> list[Target]:
    """Those of comparing, by exact counts."""
    exact = [row for row in rows if row.tags["method"] == "exact"]
    over = [1 / ratio for row in exact if (ratio := row.ratio(FORWARDS)) is not None]
    wrong = any(row.ours.problem for row in exact)
    got = max(over) if over else float("inf") if wrong else None
    return [
        Target(NAME, "time over two plain forward passes, chance included", "at most", 1.3, got, "exact", len(over)),
        worst(NAME, "times what one writes today without a chance level", 4, exact, BY_HAND),
    ]
