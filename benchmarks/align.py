"""Aligning and merging two networks, against comparing them."""

from collections.abc import Iterator, Sequence

import funcsim
import torch
from torch import Tensor, nn

from . import data
from .harness import Contestant, Row, race
from .settings import Settings
from .targets import Target

NAME = "align"
CHECKED = (
    "outputs of the aligned network, to 10⁻⁴ of the largest; means and deviations of the merged network's hidden "
    "units, which are those of both networks averaged, to 10⁻³ of the layer's largest"
)
STATISTICS_TOLERANCE = 1e-3
TOLERANCE = 1e-4
COMPARISON = "comparison"


def _outputs(model: nn.Sequential, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        result: Tensor = model(inputs)
    return result


def _problem(got: object, expected: nn.Sequential, inputs: Tensor) -> str:
    """What is wrong with a network that should compute what another does."""
    assert isinstance(got, nn.Sequential)
    outputs = _outputs(expected, inputs)
    error = (_outputs(got, inputs) - outputs).abs().max() / outputs.abs().max()
    return "" if error <= TOLERANCE else f"outputs differ by {error:.2g} of the largest"


def _hidden_statistics(model: nn.Sequential, inputs: Tensor) -> list[Tensor]:
    """Of each hidden layer ``[2, units]``, means and standard deviations of pre-activations."""
    statistics, x = [], inputs
    with torch.no_grad():
        for layer in list(model)[:-1]:
            x = layer(x)
            if isinstance(layer, nn.Linear):
                statistics.append(torch.stack([x.mean(0), x.std(0, correction=0)]))
    return statistics


def _merge_problem(got: object, a: nn.Sequential, b: nn.Sequential, inputs: Tensor) -> str:
    """What is wrong with the repaired network half way from one to the other."""
    assert isinstance(got, nn.Sequential)
    aligned = funcsim.align(a, b, inputs, rescale=True)
    of_all = zip(*(_hidden_statistics(model, inputs) for model in (got, a, aligned)), strict=True)
    errors = [
        float(((x + y) / 2 - ours).abs().max() / torch.maximum(x.abs().max(), y.abs().max())) for ours, x, y in of_all
    ]
    worst = max(errors)
    return "" if worst <= STATISTICS_TOLERANCE else f"statistics of units differ by {worst:.2g} of the largest"


def run(settings: Settings) -> Iterator[Row]:
    """By the Jaccard index, with repair, each with all that it includes."""
    widths = settings.pick([32, 64, 64, 10], [784, 2048, 2048, 2048, 10], [784, 2048, 2048, 2048, 10])
    count = settings.pick(500, 20_000, 20_000)
    a, b = data.mlp(widths, 1), data.mlp(widths, 2)
    inputs = torch.randn(count, widths[0], generator=torch.Generator().manual_seed(0))
    few = inputs[:500]
    cases = {
        "align": (lambda: funcsim.align(a, b, inputs), lambda got: _problem(got, b, few)),
        "merge, which aligns and repairs": (
            lambda: funcsim.merge(a, b, inputs),
            lambda got: _merge_problem(got, a, b, inputs),
        ),
    }
    for what, (ours, check) in cases.items():
        yield race(
            NAME,
            f"two {'-'.join(map(str, widths))} MLPs, {count} inputs: {what}",
            settings.threads,
            ours,
            [
                Contestant(
                    COMPARISON,
                    lambda: funcsim.compare(a, b, inputs, method="exact"),
                    "by exact counts, with chance",
                    is_peer=False,
                )
            ],
            effort=settings.effort,
            checked=CHECKED,
            check=check,
            work=count,
            unit="inputs",
            tags={"what": what.split(",", maxsplit=1)[0]},
        )


def targets(rows: Sequence[Row]) -> list[Target]:
    """Each takes less than two comparisons."""
    found = []
    for what in ("align", "merge"):
        over = [1 / ratio for row in rows if row.tags["what"] == what and (ratio := row.ratio(COMPARISON)) is not None]
        wrong = any(row.ours.problem for row in rows if row.tags["what"] == what)
        got = max(over) if over else float("inf") if wrong else None
        text = f"time of {what} over that of a comparison by exact counts, chance included"
        found.append(Target(NAME, text, "at most", 2.0, got, what, len(over)))
    return found
