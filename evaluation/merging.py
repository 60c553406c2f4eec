"""Merging: what is left of two networks half way between them, unaligned and aligned in several ways."""

import copy
import pathlib
from collections.abc import Iterator
from typing import Any

import funcsim
import torch
from torch import Tensor, nn

from benchmarks.report import Grid

from . import copies, plots
from .lab import Lab
from .measures.activations import AFFINE, NORMS, hidden_activations
from .measures.functional import ops, signatures
from .networks import Architecture, Recipe, accuracy, logits
from .run import Experiment, Row, Rows, Run, Table
from .settings import Settings
from .statistics import text

DIRECT = "direct"
MARGIN = 0.3  # of canonical pre-activations; chosen on pairs of 6 hidden layers among 0.3, 1 and 2
# How units are matched: options of funcsim.align.
METHODS: dict[str, dict[str, Any]] = {
    "jaccard": {"similarity": "jaccard"},
    f"jaccard, margin {MARGIN}": {"similarity": "jaccard", "margin": MARGIN},
    "phi": {"similarity": "phi"},
    f"phi, margin {MARGIN}": {"similarity": "phi", "margin": MARGIN},
    "correlation": {"similarity": "correlation"},
    "weights": {"similarity": "weights"},
    "weights, descent": {"similarity": "weights", "coordinate_descent": True},
    "jaccard, descent": {"similarity": "jaccard", "coordinate_descent": True},
}
BITS = tuple(METHODS)[:4]
# What b's units are scaled by. Any other norms that both networks have give the same function half way as a's do. A
# BatchNorm leaves a choice: units get the size of its weight in a, or the norm of weights and BatchNorm together.
KEPT, REFERENCE, SLOPES = "as they are", "set to a's", "set to a's, with BatchNorm"
SCALES = (KEPT, REFERENCE, SLOPES)
PATH = (0.1, 0.3, 0.5, 0.7, 0.9)
MIDDLE = 0.5
DEPTHS = tuple(range(1, 13))
TORCH_DEPTHS = (2, 4, 6, 8)  # with PyTorch's initial weights
SHOWN_DEPTHS = (1, 2, 4, 6, 8, 11, 12)  # of the tables with everything
ANCHORED = ("jaccard", f"jaccard, margin {MARGIN}", "correlation")  # next to what was published
WIDTHS = (32, 64, 128, 256, 512)
WIDE_DEPTH = 3
# REPAIR (Jordan et al., arXiv:2211.08403), MLPs of width 128 on MNIST: accuracy half way, %, by hidden layers.
PUBLISHED = {2: {"direct": 40.9, "matched": 96.2, "repaired": 96.9}, 11: {"matched": 81.2, "repaired": 95.3}}


def kinds_of(settings: Settings) -> list[tuple[Architecture, str]]:
    """By depth, by width, and two with BatchNorm."""
    depths = settings.pick(DEPTHS, (1, 6, 12), (2,))
    widths = settings.pick(WIDTHS, (32, 128), ())
    mlps = [Architecture("mlp", depth, 128) for depth in depths]
    mlps += [Architecture("mlp", WIDE_DEPTH, width) for width in widths]
    mlps += [Architecture("mlp", depth, 128, "torch") for depth in settings.pick(TORCH_DEPTHS, (6,), ())]
    found = [(mlp, "digits") for mlp in dict.fromkeys(mlps)]
    return [*found, (Architecture("cnn"), "digits"), *settings.pick([(Architecture("cnn1d"), "mnist1d")], [], [])]


def recipes_of(settings: Settings, architecture: Architecture, dataset: str, seed: int) -> tuple[Recipe, Recipe]:
    """The pair that is merged."""
    epochs = settings.epochs_of(architecture.kind)
    a, b = (Recipe(architecture, base + seed, dataset, epochs=epochs) for base in (0, 20))
    return a, b


def aligned(a: nn.Sequential, b: nn.Sequential, inputs: Tensor) -> Iterator[tuple[str, str, nn.Sequential]]:
    """Method, scale rule, and what is merged with a. Nothing but the path changes: all compute what b does."""
    yield DIRECT, KEPT, b
    for method, options in METHODS.items():
        yield method, KEPT, funcsim.align(a, b, inputs, **options)
        by_weight = funcsim.align(a, b, inputs, rescale=True, **options)
        yield method, REFERENCE, by_weight
        if any(isinstance(module, NORMS) for module in b):
            yield method, SLOPES, with_slopes(a, by_weight)


def with_slopes(a: nn.Sequential, b: nn.Sequential) -> nn.Sequential:
    """b, matched to a, with the norms that a's weights and BatchNorms have together; it computes the same."""
    units = copies.hidden_units(b)
    orders = [torch.arange(count) for count in units]
    layers = [place for place, module in enumerate(a) if isinstance(module, AFFINE)]
    for index, place in enumerate(layers[:-1]):
        if not isinstance(a[place + 1], NORMS):
            continue
        # Layer after layer: what one gives decides the weights of the next.
        slopes = [slope_of(model[place], model[place + 1]) for model in (a, b)]
        factors = [torch.ones(count) for count in units]
        factors[index] = torch.where((slopes[0] > 0) & (slopes[1] > 0), slopes[0] / slopes[1], 1.0)
        b = copies.rearranged(b, orders, factors).model
    return b


def slope_of(layer: nn.Module, norm: nn.Module) -> Tensor:
    """Of each unit: the norm of its weights, BatchNorm included."""
    assert isinstance(norm, NORMS)
    deviations = (norm.get_buffer("running_var") + norm.eps).sqrt()
    slopes: Tensor = layer.get_parameter("weight").flatten(1).norm(dim=1) * norm.weight.abs() / deviations
    return slopes


def merged(a: nn.Sequential, b: nn.Sequential, weight: float, inputs: Tensor, repair: bool) -> nn.Sequential:
    """The network at ``weight`` of the way from a to b, which are aligned."""
    parameters = [*funcsim.parameters(a), *funcsim.parameters(b)]
    made = ops.merge_parameters(funcsim.describe(a), parameters, [1 - weight, weight], [], inputs, repair)
    return with_parameters(a, made)


def with_parameters(model: nn.Sequential, parameters: list[Tensor]) -> nn.Sequential:
    """A copy that has these, given in the order of ``funcsim.parameters``."""
    result = copy.deepcopy(model)
    for old, new in zip(funcsim.parameters(result), parameters, strict=True):
        old.copy_(new)
    return result


def loss_of(model: nn.Sequential, inputs: Tensor, labels: Tensor) -> float:
    """Cross entropy."""
    return float(nn.functional.cross_entropy(logits(model, inputs), labels))


def merge_pair(settings: Settings, architecture: Architecture, dataset: str, seed: int) -> list[Row]:
    """One pair, merged in all ways at all points of the path."""
    lab = Lab(settings.cache)
    data = lab.dataset(dataset)
    inputs, test = architecture.shaped(data.training), architecture.shaped(data.test)
    a, b = (lab.network(recipe) for recipe in recipes_of(settings, architecture, dataset, seed))
    ends = [loss_of(model, test, data.test_labels) for model in (a, b)]
    right = [accuracy(model, test, data.test_labels) for model in (a, b)]
    bits = sum(layer.numel() for layer in signatures(a, inputs).layers)
    floats = sum(layer.numel() * layer.element_size() for layer in hidden_activations(a, inputs))
    rows: list[Row] = []
    for method, scale, other in aligned(a, b, inputs):
        for repair in (False, True):
            models = {weight: merged(a, other, weight, inputs, repair) for weight in PATH}
            losses = {weight: loss_of(model, test, data.test_labels) for weight, model in models.items()}
            excess = [loss - (1 - weight) * ends[0] - weight * ends[1] for weight, loss in losses.items()]
            rows.append(
                {
                    "architecture": str(architecture),
                    "kind": architecture.kind,
                    "init": architecture.init,
                    "depth": architecture.depth,
                    "width": architecture.width,
                    "dataset": dataset,
                    "seed": seed,
                    "method": method,
                    "scale": scale,
                    "repair": repair,
                    "parents": sum(right) / 2,
                    "accuracy": accuracy(models[MIDDLE], test, data.test_labels),
                    "barrier": max(0.0, *excess),
                    "bits": bits,
                    "activations": floats,
                }
            )
    return rows


def measure(run: Run) -> list[Row]:
    """All pairs."""
    return run.map(merge_pair, [(*kind, seed) for kind in kinds_of(run.settings) for seed in run.seeds])


def select(rows: Rows, **wanted: object) -> list[Row]:
    """Rows with these values."""
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def _percent(rows: Rows, key: str = "accuracy") -> str:
    return text([row[key] for row in rows], 1, 100)


def anchor_grid(rows: Rows) -> Grid:
    """By depth, next to what was published."""
    lines = []
    for depth in DEPTHS:
        here = select(rows, kind="mlp", init="he", depth=depth, width=128)
        if not here:
            continue
        said = PUBLISHED.get(depth, {})
        cells = [_percent(select(here, method=DIRECT, repair=False), "parents")]
        cells.append(_percent(select(here, method=DIRECT, repair=False)))
        cells += [
            _percent(select(here, method=method, scale=REFERENCE, repair=repair))
            for method in ANCHORED
            for repair in (False, True)
        ]
        cells += [str(said[key]) if key in said else "" for key in ("direct", "matched", "repaired")]
        lines.append((str(depth), *cells))
    headings = (
        "hidden layers",
        "parents",
        "direct",
        *(f"{method}, {how}" for method in ANCHORED for how in ("matched", "repaired")),
        *(f"MNIST, published: {key}" for key in ("direct", "matched", "repaired")),
    )
    return Grid("Accuracy half way between two MLPs of width 128 on digits, %", headings, lines)


def methods_grid(title: str, rows: Rows, key: str, digits: int, scale: float) -> Grid:
    """All methods and scale rules, with and without repair; architectures side by side."""
    names = list(dict.fromkeys(row["architecture"] for row in rows))
    lines = []
    for method in (DIRECT, *METHODS):
        for rule in SCALES:
            if not select(rows, method=method, scale=rule):
                continue
            for repair in (False, True):
                cells = [
                    text(
                        [row[key] for row in select(rows, architecture=name, method=method, scale=rule, repair=repair)],
                        digits,
                        scale,
                    )
                    for name in names
                ]
                lines.append((method, rule, "yes" if repair else "no", *cells))
    return Grid(title, ("matching", "norms", "repair", *names), lines)


def bits_grid(rows: Rows) -> Grid:
    """What bits lose against full precision, and what both keep of a network."""
    lines = []
    for name in dict.fromkeys(row["architecture"] for row in rows):
        here = select(rows, architecture=name, scale=REFERENCE, repair=True)
        full = select(here, method="correlation")
        cells = []
        for method in BITS:
            pairs = zip(select(here, method=method), full, strict=True)  # both by seed
            cells.append(text([by_bits["accuracy"] - by_floats["accuracy"] for by_bits, by_floats in pairs], 1, 100))
        bits, floats = full[0]["bits"], full[0]["activations"]
        lines.append((name, *cells, f"{bits / 2**10:.0f}", f"{floats / 2**10:.0f}", f"{floats / bits:.1f}"))
    headings = ("networks", *BITS, "bits, KiB", "activations, KiB", "ratio")
    title = "Accuracy half way, repaired, by bits less that by correlation, points; and what is kept of a network"
    return Grid(title, headings, lines)


def scale_grid(rows: Rows) -> Grid:
    """What setting norms to a's gains over leaving them, repaired, pair by pair."""
    shown = ("jaccard", "phi", "correlation", "weights")
    lines = []
    for name, rule in dict.fromkeys((row["architecture"], row["scale"]) for row in rows if row["scale"] != KEPT):
        cells = []
        for method in shown:
            changed, kept = (
                select(rows, architecture=name, method=method, scale=scale, repair=True)
                for scale in (rule, KEPT)  # both by seed
            )
            gains = [after["accuracy"] - before["accuracy"] for after, before in zip(changed, kept, strict=True)]
            cells.append(text(gains, 1, 100))
        lines.append((name, rule, *cells))
    title = "Accuracy half way, repaired, with other norms less that with norms as they are, points"
    return Grid(title, ("networks", "norms", *shown), lines)


def tables(rows: Rows) -> list[Table]:
    """The anchor; everything by depth, by width and with BatchNorm; bits against full precision."""
    found = [Table("merging_anchor", anchor_grid(rows)), Table("merging_bits", bits_grid(rows))]
    found.append(Table("merging_scale", scale_grid(rows)))
    mlps = select(rows, kind="mlp")
    parts = {
        "depth": [row for row in select(mlps, init="he", width=128) if row["depth"] in SHOWN_DEPTHS],
        "torch": select(mlps, init="torch"),
        "width": select(mlps, init="he", depth=WIDE_DEPTH),
        "batchnorm": [row for row in rows if row["kind"] != "mlp"],
    }
    for name, chosen in parts.items():
        if chosen:
            found += [
                Table(f"merging_{name}", methods_grid(f"Accuracy half way, %, by {name}", chosen, "accuracy", 1, 100)),
                Table(
                    f"merging_{name}_barrier", methods_grid(f"Barrier of the loss, by {name}", chosen, "barrier", 3, 1)
                ),
            ]
    return found


def draw(rows: Rows, folder: pathlib.Path) -> None:
    """Accuracy half way by depth and by width."""
    plots.draw_merging(rows, folder / "merging.svg")


EXPERIMENT = Experiment("merging", "Merging", measure, tables, draw)
