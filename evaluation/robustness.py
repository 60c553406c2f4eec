"""Identities and robustness: a network against copies that compute the same, and against damaged ones."""

import functools
import pathlib
from collections.abc import Callable, Collection, Iterator

import funcsim
import torch
from torch import Tensor, nn

from benchmarks.report import Grid

from . import copies, plots
from .copies import Copy
from .lab import Lab
from .networks import Architecture, Recipe, accuracy, logits
from .predictions import disagreement
from .run import Experiment, Row, Rows, Run, Table
from .settings import Settings
from .statistics import text

SIGMAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
SHARES = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def copy_makers(seed: int) -> dict[str, Callable[[nn.Sequential], Copy]]:
    """All copies, by name."""

    def ones(model: nn.Sequential) -> list[Tensor]:
        return [torch.ones(units) for units in copies.hidden_units(model)]

    def plain(model: nn.Sequential) -> list[Tensor]:
        return [torch.arange(units) for units in copies.hidden_units(model)]

    makers: dict[str, Callable[[nn.Sequential], Copy]] = {
        "itself": copies.same_order,
        "permuted": lambda m: copies.rearranged(m, copies.random_orders(m, seed), ones(m)),
        "rescaled by powers of two": lambda m: copies.rearranged(m, plain(m), copies.random_factors(m, seed, True)),
        "rescaled": lambda m: copies.rearranged(m, plain(m), copies.random_factors(m, seed)),
        "permuted and rescaled": lambda m: copies.rearranged(
            m, copies.random_orders(m, seed), copies.random_factors(m, seed)
        ),
        "bfloat16": copies.bfloat16,
        "int8": copies.int8,
    }
    makers |= {f"noise {sigma}": functools.partial(copies.noisy, sigma=sigma, seed=seed) for sigma in SIGMAS}
    makers |= {f"{share:.0%} pruned": functools.partial(copies.pruned, share=share) for share in SHARES}
    return makers


def told_apart(signatures: Tensor, num_samples: int) -> Tensor:
    """Which units have a signature that varies and that no other unit of the layer has: bool ``[units]``."""
    _, group, sizes = torch.unique(signatures, dim=0, return_inverse=True, return_counts=True)
    fired = torch.tensor([int.from_bytes(row.numpy().tobytes(), "little").bit_count() for row in signatures])
    alone: Tensor = sizes[group] == 1
    return alone & (fired > 0) & (fired < num_samples)


def wrong_matches(comparison: funcsim.Comparison, signatures: list[Tensor], orders: list[Tensor]) -> tuple[int, int]:
    """Units that can be told apart and weren't matched to themselves, and how many can be told apart."""
    wrong = total = 0
    for layer, rows, order in zip(comparison.layers, signatures, orders, strict=True):
        units = told_apart(rows, layer.num_samples)
        partner = torch.full((layer.units_a,), -1)
        partner[layer.matches[:, 0]] = order[layer.matches[:, 1]]
        wrong += int((units & (partner != torch.arange(layer.units_a))).sum())
        total += int(units.sum())
    return wrong, total


def rows_of(
    model: nn.Sequential, inputs: Tensor, seed: int, names: Collection[str] | None = None, classes: int | None = None
) -> Iterator[tuple[str, nn.Sequential, Row]]:
    """Each copy, or those of these names, with its figures. The first so many outputs are scores of classes."""
    signatures = torch.ops.funcsim.network_signatures(funcsim.describe(model), funcsim.parameters(model), inputs)
    before = logits(model, inputs).flatten(1)[:, :classes]
    for name, make in copy_makers(seed).items():
        if names is not None and name not in names:
            continue
        made = make(model)
        comparison = funcsim.compare(model, made.model, inputs)
        wrong, total = wrong_matches(comparison, signatures, made.orders)
        yield (
            name,
            made.model,
            {
                "score": comparison.score,
                "chance": comparison.chance,
                "adjusted": comparison.adjusted,
                "wrong": wrong / total,
                "told_apart": total / sum(map(len, signatures)),
                "disagreement": disagreement(before, logits(made.model, inputs).flatten(1)[:, :classes]),
            },
        )


def compare_copies(settings: Settings, architecture: Architecture, dataset: str, seed: int) -> list[Row]:
    """One network against its copies, and against two others."""
    lab = Lab(settings.cache)
    epochs = settings.epochs_of(architecture.kind)
    data = lab.dataset(dataset)
    inputs, test = architecture.shaped(data.probe), architecture.shaped(data.test)
    model = lab.network(Recipe(architecture, seed, dataset, epochs=epochs))
    common: Row = {"architecture": str(architecture), "dataset": dataset, "seed": seed}
    rows = [
        common | {"copy": name, "accuracy": accuracy(made, test, data.test_labels)} | figures
        for name, made, figures in rows_of(model, inputs, seed)
    ]
    others = {"other seed": (seed + 1) % settings.seeds if settings.seeds > 1 else seed + 1, "random": 1000 + seed}
    for name, other_seed in others.items():
        other = lab.network(Recipe(architecture, other_seed, dataset, epochs=0 if name == "random" else epochs))
        comparison = funcsim.compare(model, other, inputs)
        rows.append(
            common
            | {
                "copy": name,
                "accuracy": accuracy(other, test, data.test_labels),
                "score": comparison.score,
                "chance": comparison.chance,
                "adjusted": comparison.adjusted,
                "disagreement": disagreement(logits(model, inputs), logits(other, inputs)),
            }
        )
    return rows


def measure(run: Run) -> list[Row]:
    """Four architectures, all seeds."""
    kinds = [
        (Architecture("mlp", 2, 128), "digits"),
        (Architecture("mlp", 8, 128), "digits"),
        (Architecture("cnn"), "digits"),
        (Architecture("cnn1d"), "mnist1d"),
    ]
    return run.map(compare_copies, [(*kind, seed) for kind in kinds for seed in run.seeds])


def grid_of(title: str, rows: Rows) -> Grid:
    """A line for each copy."""
    lines = []
    for name in dict.fromkeys(row["copy"] for row in rows):
        chosen = [row for row in rows if row["copy"] == name]

        def cell(key: str, digits: int = 3, scale: float = 1, chosen: Rows = chosen) -> str:
            return text([row[key] for row in chosen if key in row], digits, scale)

        lines.append(
            (
                name,
                cell("score", 4),
                cell("chance"),
                cell("adjusted", 4),
                cell("wrong", 1, 100),
                cell("disagreement", 1, 100),
                cell("accuracy", 1, 100),
            )
        )
    headings = ("copy", "score", "chance", "adjusted", "wrong matches, %", "predictions changed, %", "accuracy, %")
    shown = len(headings) if any("accuracy" in row for row in rows) else len(headings) - 1
    return Grid(title, headings[:shown], [line[:shown] for line in lines])


def tables(rows: Rows) -> list[Table]:
    """One for each architecture."""
    found = []
    for name in dict.fromkeys(row["architecture"] for row in rows):
        chosen = [row for row in rows if row["architecture"] == name]
        found.append(
            Table(f"robustness_{name.replace(' ', '_')}", grid_of(f"{name} on {chosen[0]['dataset']}", chosen))
        )
    return found


def draw(rows: Rows, folder: pathlib.Path) -> None:
    """Score and wrong matches by noise and by share pruned."""
    plots.draw_robustness(rows, SIGMAS, SHARES, folder / "robustness.svg")


EXPERIMENT = Experiment("robustness", "Identities and robustness", measure, tables, draw)
