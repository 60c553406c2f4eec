"""Aligning and merging two networks, against comparing them."""

import copy
import itertools
from collections.abc import Iterator, Sequence

import funcsim
import torch
from torch import Tensor, nn

from . import data
from .harness import Contestant, Row, race
from .settings import Settings
from .targets import Target

NAME = "align"
CHECKED = "outputs of the aligned network, to 10⁻⁴ of the largest; a network merged with its permuted self, likewise"
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


def _permuted(model: nn.Sequential) -> nn.Sequential:
    """A copy with the units of each hidden layer in another order."""
    result = copy.deepcopy(model)
    linears = [layer for layer in result if isinstance(layer, nn.Linear)]
    generator = torch.Generator().manual_seed(0)
    for layer, following in itertools.pairwise(linears):
        order = torch.randperm(layer.out_features, generator=generator)
        for tensor, dim in ((layer.weight, 0), (layer.bias, 0), (following.weight, 1)):
            tensor.data = tensor.data.index_select(dim, order)
    return result


def run(settings: Settings) -> Iterator[Row]:
    """By the Jaccard index, with repair, each with all that it includes."""
    widths = settings.pick([32, 64, 64, 10], [784, 2048, 2048, 2048, 10], [784, 2048, 2048, 2048, 10])
    count = settings.pick(500, 20_000, 20_000)
    a, b = data.mlp(widths, 1), data.mlp(widths, 2)
    inputs = torch.randn(count, widths[0], generator=torch.Generator().manual_seed(0))
    few = inputs[:500]

    def self_merged() -> str:
        return _problem(funcsim.merge(a, _permuted(a), few), a, few)

    cases = {
        "align": (lambda: funcsim.align(a, b, inputs), lambda got: _problem(got, b, few)),
        "merge, which aligns and repairs": (lambda: funcsim.merge(a, b, inputs), lambda _: self_merged()),
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
