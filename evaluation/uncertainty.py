"""What is said of a score, held against what happens: intervals, flicker and p-values."""

import pathlib

import funcsim
from torch import Tensor, nn

from benchmarks.report import Grid

from . import copies, data, plots
from .flicker import flip_rows, flips_table
from .lab import Lab
from .measures.functional import Signatures, ops, signatures
from .networks import Architecture, Recipe
from .null import null_rows, null_table
from .run import Experiment, Row, Rows, Run, Table
from .settings import Settings
from .statistics import text

KINDS = ((Architecture("mlp", 3, 256), "other seed"), (Architecture("mlp", 3, 256), "noise 0.1"))
CONVOLUTION = (Architecture("cnn1d"), "other seed")
DATASET = "mnist1d"
LEVEL = 0.95
FLICKERING = (Architecture("mlp", 3, 256), Architecture("cnn1d"))  # on DATASET
# Networks, data, positions and inputs that p-values are taken of.
NULL = (
    (Architecture("mlp", 2, 128), "digits", 16, 200),
    (Architecture("cnn1d"), "mnist1d", 16, 200),
    (Architecture("cnn"), "digits", 16, 200),
    (Architecture("cnn"), "digits", "all", 200),
)


def _matched_on(a: Signatures, b: Signatures, comparison: funcsim.Comparison) -> float:
    """The score on other inputs of the matches that a comparison found."""
    total, units = 0.0, 0
    for layer_a, layer_b, layer in zip(a.layers, b.layers, comparison.layers, strict=True):
        jaccard = ops.jaccard(layer_a, layer_b)
        total += float(jaccard[layer.matches[:, 0], layer.matches[:, 1]].double().sum())
        units += max(layer.units_a, layer.units_b)
    return total / units


def _rows(a: nn.Sequential, b: nn.Sequential, everything: Tensor, size: int) -> list[Row]:
    truth = funcsim.compare(a, b, everything, method="exact").score
    whole = signatures(a, everything), signatures(b, everything)
    drawn = [
        funcsim.compare(a, b, inputs, method="exact", interval=LEVEL, seed=number)
        for number, inputs in enumerate(everything.split(size))
    ]
    total = sum(found.score for found in drawn)
    rows = []
    for found in drawn:
        assert found.interval is not None
        low, high = found.interval
        fixed = _matched_on(*whole, found)
        typical = (total - found.score) / (len(drawn) - 1)  # of as many inputs: the mean of the other draws
        rows.append(
            {
                "inputs": size,
                "score": found.score,
                "truth": truth,
                "fixed": fixed,
                "typical": typical,
                "half": (high - low) / 2,
                "covers typical": low <= typical <= high,
                "covers": low <= truth <= high,
                "covers fixed": low <= fixed <= high,
            }
        )
    return rows


def draw_inputs(settings: Settings, architecture: Architecture, pair: str, seed: int) -> list[Row]:
    """One pair on disjoint draws of inputs."""
    lab = Lab(settings.cache)
    epochs = settings.epochs_of("")
    model = lab.network(Recipe(architecture, seed, DATASET, epochs=epochs))
    if pair == "other seed":
        partner = lab.network(Recipe(architecture, 20 + seed, DATASET, epochs=epochs))
    else:
        partner = copies.noisy(model, 0.1, seed).model
    inputs = architecture.shaped(data.fresh_mnist1d(settings.pick(20_000, 5000, 1000), settings.cache / "data"))
    common: Row = {"architecture": str(architecture), "pair": pair, "seed": seed}
    return [
        common | row
        for size in settings.pick((200, 500, 2000), (200, 500), (200,))
        for row in _rows(model, partner, inputs, size)
    ]


def measure(run: Run) -> list[Row]:
    """All seeds. The inputs are made first, by one process."""
    data.fresh_mnist1d(run.settings.pick(20_000, 5000, 1000), run.settings.cache / "data")
    pick = run.settings.pick
    kinds = pick((*KINDS, CONVOLUTION), KINDS, KINDS[:1])
    rows = run.map(draw_inputs, [(*kind, seed) for kind in kinds for seed in run.seeds])
    flickering = pick(FLICKERING, FLICKERING, FLICKERING[:1])
    rows += run.map(flip_rows, [(architecture, DATASET, seed) for architecture in flickering for seed in run.seeds])
    return rows + run.map(null_rows, [(*kind, seed) for kind in pick(NULL, NULL, NULL[:1]) for seed in run.seeds])


def tables(rows: Rows) -> list[Table]:
    """Coverage of intervals, flips, p-values."""
    return [
        Table("uncertainty", _coverage_grid([row for row in rows if "pair" in row])),
        flips_table([row for row in rows if "flips" in row]),
        null_table([row for row in rows if "null" in row]),
    ]


def _coverage_grid(rows: Rows) -> Grid:
    """By pair and number of inputs."""
    lines = []
    for architecture, pair in dict.fromkeys((row["architecture"], row["pair"]) for row in rows):
        for size in dict.fromkeys(row["inputs"] for row in rows):
            chosen = [
                row for row in rows if (row["architecture"], row["pair"], row["inputs"]) == (architecture, pair, size)
            ]
            by_seed = [[row for row in chosen if row["seed"] == seed] for seed in {row["seed"] for row in chosen}]

            def cell(key: str, digits: int, scale: float = 1, groups: list[list[Row]] = by_seed) -> str:
                return text([sum(row[key] for row in group) / len(group) for group in groups], digits, scale)

            lines.append(
                (
                    architecture,
                    pair,
                    str(size),
                    cell("truth", 4),
                    cell("score", 4),
                    cell("fixed", 4),
                    cell("half", 4),
                    cell("covers typical", 1, 100),
                    cell("covers", 1, 100),
                    cell("covers fixed", 1, 100),
                )
            )
    headings = (
        "networks",
        "pair",
        "inputs drawn",
        "score on all inputs",
        "score on those drawn",
        "its matches on all inputs",
        "half of the interval",
        "interval holds the score on as many others, %",
        "interval holds the score on all, %",
        "interval holds its matches on all, %",
    )
    return Grid("95 % intervals of scores from a block bootstrap over inputs", headings, lines)


def draw(rows: Rows, folder: pathlib.Path) -> None:
    """Scores of draws with their intervals."""
    plots.draw_uncertainty([row for row in rows if "pair" in row], folder / "uncertainty.svg")


EXPERIMENT = Experiment("uncertainty", "Intervals, flicker and p-values", measure, tables, draw)
