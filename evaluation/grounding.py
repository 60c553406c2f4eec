"""Grounding: do networks that a measure calls similar predict the same?"""

import functools
import itertools
import pathlib

import numpy as np

from benchmarks.report import Grid

from . import plots
from .discrimination import prepare
from .lab import Lab
from .measures import MEASURES, NAMES
from .networks import Architecture, Recipe, accuracy, logits
from .predictions import disagreement, js_divergence
from .robustness import copy_makers
from .run import Experiment, Row, Rows, Run, Table
from .settings import Settings
from .statistics import Floats, bootstrap, rank_correlation, text, weighted_rank_correlation

SHARES = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
DIFFERENCES = ("disagreement", "JS divergence", "difference in accuracy")
TRAINED, DAMAGED = "trained", "damaged"


def kinds_of(settings: Settings) -> list[tuple[Architecture, str]]:
    """Architectures and their data."""
    found = [
        (Architecture("mlp", 2, 128), "digits"),
        (Architecture("cnn"), "digits"),
        (Architecture("mlp", 5, 128), "digits"),
        (Architecture("cnn1d"), "mnist1d"),
    ]
    return settings.pick(found, found[:2], found[:1])


def recipes_of(settings: Settings, architecture: Architecture, dataset: str) -> list[Recipe]:
    """Networks that learnt from more or less data, with different seeds. Fewer rows are passed over more often."""
    epochs = settings.epochs_of(architecture.kind)
    return [
        Recipe(architecture, 500 + 10 * seed + index, dataset, share=share, epochs=round(epochs * min(share**-0.5, 4)))
        for index, share in enumerate(SHARES)
        for seed in range(settings.seeds)
    ]


def trained_rows(settings: Settings, architecture: Architecture, dataset: str, index: int) -> list[Row]:
    """All pairs of networks that were trained on more or less data."""
    lab = Lab(settings.cache)
    data = lab.dataset(dataset)
    models = [lab.network(recipe) for recipe in recipes_of(settings, architecture, dataset)]
    inputs, test = architecture.shaped(data.probe), architecture.shaped(data.test)
    said = [logits(model, test) for model in models]
    right = [accuracy(model, test, data.test_labels) for model in models]
    pairs = list(itertools.combinations(range(len(models)), 2))
    differences = {
        "disagreement": [disagreement(said[a], said[b]) for a, b in pairs],
        "JS divergence": [js_divergence(said[a], said[b]) for a, b in pairs],
        "difference in accuracy": [abs(right[a] - right[b]) for a, b in pairs],
    }
    records = [MEASURES[index].record(model, inputs) for model in models]
    scores = [MEASURES[index].scores(records[a], records[b]) for a, b in pairs]
    common: Row = {"networks": TRAINED, "architecture": str(architecture), "dataset": dataset, "accuracies": right}
    common |= {key: [round(value, 6) for value in values] for key, values in differences.items()}
    return [
        with_intervals(common | {"measure": name, "scores": [round(found[name], 6) for found in scores]})
        for name in MEASURES[index].names
    ]


def with_intervals(row: Row) -> Row:
    """The row with the 95 % interval of each of its rank correlations."""
    size = len(row["accuracies"]) // len(SHARES)
    groups = [range(first, first + size) for first in range(0, len(row["accuracies"]), size)]
    found = {key: bootstrap(groups, functools.partial(trained_correlation, row, key)) for key in DIFFERENCES}
    return row | {f"interval of {key}": list(ends) for key, ends in found.items()}


def damaged_rows(settings: Settings, architecture: Architecture, dataset: str, index: int) -> list[Row]:
    """Networks against their damaged copies, ranks within each network."""
    lab = Lab(settings.cache)
    data = lab.dataset(dataset)
    inputs, test = architecture.shaped(data.probe), architecture.shaped(data.test)
    rows: list[Row] = []
    for seed in range(settings.seeds):
        model = lab.network(Recipe(architecture, seed, dataset, epochs=settings.epochs_of(architecture.kind)))
        makers = {name: make for name, make in copy_makers(seed).items() if name.startswith("noise") or "%" in name}
        made = [make(model).model for make in makers.values()]
        said, right = logits(model, test), accuracy(model, test, data.test_labels)
        differences = {
            "disagreement": [disagreement(said, logits(other, test)) for other in made],
            "JS divergence": [js_divergence(said, logits(other, test)) for other in made],
            "difference in accuracy": [abs(right - accuracy(other, test, data.test_labels)) for other in made],
        }
        record = MEASURES[index].record(model, inputs)
        scores = [MEASURES[index].scores(record, MEASURES[index].record(other, inputs)) for other in made]
        rows += [
            {
                "networks": DAMAGED,
                "architecture": str(architecture),
                "dataset": dataset,
                "measure": name,
                "seed": seed,
                **{
                    key: rank_correlation([-found[name] for found in scores], values)
                    for key, values in differences.items()
                },
            }
            for name in MEASURES[index].names
        ]
    return rows


def measure(run: Run) -> list[Row]:
    """Trained and damaged networks."""
    kinds = kinds_of(run.settings)
    run.map(prepare, [(recipe,) for kind in kinds for recipe in recipes_of(run.settings, *kind)])
    tasks = [(*kind, index) for kind in kinds for index in range(len(MEASURES))]
    return run.map(trained_rows, tasks) + run.map(damaged_rows, tasks)


def trained_correlation(row: Row, key: str, drawn: Floats | None = None) -> float:
    """Spearman's correlation of dissimilarity and a difference over all pairs of networks, as often as drawn."""
    count = np.ones(len(row["accuracies"])) if drawn is None else drawn
    weights = np.array([count[a] * count[b] for a, b in itertools.combinations(range(len(count)), 2)])
    return weighted_rank_correlation(-np.array(row["scores"]), np.array(row[key]), weights)


def _trained_cell(row: Row, key: str) -> str:
    low, high = row[f"interval of {key}"]
    return f"{trained_correlation(row, key):.2f} [{low:.2f}, {high:.2f}]"


def tables(rows: Rows) -> list[Table]:
    """One of trained and one of damaged networks for each difference, architectures side by side."""
    names = list(dict.fromkeys(f"{row['architecture']} on {row['dataset']}" for row in rows))
    found = []
    for key in DIFFERENCES:
        for networks in (TRAINED, DAMAGED):
            lines = []
            for measure_name in NAMES:
                cells = []
                for name in names:
                    chosen = [
                        row
                        for row in rows
                        if row["networks"] == networks
                        and row["measure"] == measure_name
                        and f"{row['architecture']} on {row['dataset']}" == name
                    ]
                    if networks == TRAINED:
                        cells += [_trained_cell(row, key) for row in chosen]
                    else:
                        cells.append(text([row[key] for row in chosen], 2))
                lines.append((measure_name, *cells))
            title = f"{networks} networks, rank correlation of dissimilarity with {key}"
            table = f"grounding_{networks}_{key.split()[-1].lower()}"
            found.append(Table(table, Grid(title, ("measure", *names), lines)))
    return found


def draw(rows: Rows, folder: pathlib.Path) -> None:
    """Similarity by disagreement."""
    plots.draw_grounding([row for row in rows if row["networks"] == TRAINED], folder / "grounding.svg")


EXPERIMENT = Experiment("grounding", "Grounding", measure, tables, draw)
