"""Discrimination: which measure tells networks of one task from those of another, and what does it cost."""

import functools
import itertools
import pathlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchmarks.report import Grid

from . import plots
from .lab import Lab
from .measures import MEASURES, NAMES
from .networks import Architecture, Recipe, accuracy, labels_of
from .run import Experiment, Row, Rows, Run, Table
from .settings import Settings
from .statistics import Floats, bootstrap, text, weighted_auroc

SAME = "same task"
OTHERS = ("other labels", "other data", "shuffled labels", "random")
GROUPS = (SAME, *OTHERS)
OVERALL = "all"


def kinds_of(settings: Settings) -> list[tuple[Architecture, str]]:
    """Architectures, with the data of the task that is looked for."""
    found = [
        (Architecture("mlp", 2, 128), "digits"),
        (Architecture("mlp", 5, 128), "digits"),
        (Architecture("cnn"), "digits"),
        (Architecture("mlp", 3, 256), "mnist1d"),
        (Architecture("cnn1d"), "mnist1d"),
    ]
    return settings.pick(found, found[:1] + found[2:3], found[:1])


def recipes_of(settings: Settings, architecture: Architecture, dataset: str) -> list[tuple[str, Recipe]]:
    """Networks of five groups, all with different seeds."""
    other = "mnist1d" if dataset == "digits" else "digits"

    def epochs(name: str) -> int:
        return settings.epochs_of("mlp" if architecture.kind == "mlp" and name == "digits" else "")

    makers: dict[str, Callable[[int], Recipe]] = {
        SAME: lambda seed: Recipe(architecture, seed, dataset, epochs=epochs(dataset)),
        "other labels": lambda seed: Recipe(architecture, 100 + seed, dataset, "parity", epochs=epochs(dataset)),
        "other data": lambda seed: Recipe(architecture, 200 + seed, other, epochs=epochs(other)),
        "shuffled labels": lambda seed: Recipe(architecture, 300 + seed, dataset, "shuffled", epochs=epochs(dataset)),
        "random": lambda seed: Recipe(architecture, 400 + seed, dataset, epochs=0),
    }
    return [(group, make(seed)) for group, make in makers.items() for seed in range(settings.seeds)]


def prepare(settings: Settings, recipe: Recipe) -> list[float]:
    """Trains a network. Gives its accuracy on what it learnt."""
    lab = Lab(settings.cache)
    data = lab.dataset(recipe.dataset)
    labels = labels_of(recipe, data.training_labels)
    return [accuracy(lab.network(recipe), recipe.architecture.shaped(data.training), labels)]


def score_pairs(settings: Settings, architecture: Architecture, dataset: str, index: int) -> list[Row]:
    """All pairs of an architecture's networks, by one measure."""
    lab = Lab(settings.cache)
    measure = MEASURES[index]
    recipes = recipes_of(settings, architecture, dataset)
    inputs = architecture.shaped(lab.dataset(dataset).probe)
    records = [measure.record(lab.network(recipe), inputs) for _, recipe in recipes]
    pairs = [measure.scores(a, b) for a, b in itertools.combinations(records, 2)]
    common: Row = {"architecture": str(architecture), "dataset": dataset, "groups": [group for group, _ in recipes]}
    return [
        with_interval(common | {"measure": name, "scores": [round(scores[name], 6) for scores in pairs]})
        for name in measure.names
    ]


def with_interval(row: Row) -> Row:
    """The row and the 95 % interval of its AUROC over all groups."""
    members = [[i for i, group in enumerate(row["groups"]) if group == name] for name in GROUPS]
    low, high = bootstrap(members, functools.partial(auroc_of, row, OVERALL))
    return row | {"low": low, "high": high}


def measure(run: Run) -> list[Row]:
    """All kinds, all measures. The first rows say how well the networks learnt."""
    kinds = kinds_of(run.settings)
    recipes = [(*kind, group, recipe) for kind in kinds for group, recipe in recipes_of(run.settings, *kind)]
    accuracies = run.map(prepare, [(recipe,) for *_, recipe in recipes])
    rows: list[Row] = [
        {"architecture": str(kind), "dataset": dataset, "group": group, "training accuracy": value}
        for (kind, dataset, group, _), value in zip(recipes, accuracies, strict=True)
    ]
    return rows + run.map(score_pairs, [(*kind, index) for kind in kinds for index in range(len(MEASURES))])


def sides(groups: list[str], negative: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which of the pairs ought to score high, and which low: bool, in the order of ``itertools.combinations``.

    For one negative group, pairs of the same task against pairs of it with that group. For ``OVERALL``, pairs within
    any group of trained networks against all pairs across groups.
    """
    pairs = list(itertools.combinations(groups, 2))
    if negative == OVERALL:
        return np.array([a == b != "random" for a, b in pairs]), np.array([a != b for a, b in pairs])
    return np.array([a == b == SAME for a, b in pairs]), np.array([{a, b} == {SAME, negative} for a, b in pairs])


def auroc_of(row: Row, negative: str, drawn: Floats | None = None) -> float:
    """How surely a measure tells the two sides apart; each network counts as often as it was drawn."""
    scores = np.array(row["scores"])
    count = np.ones(len(row["groups"])) if drawn is None else drawn
    weights = np.array([count[a] * count[b] for a, b in itertools.combinations(range(len(count)), 2)])
    positive, against = sides(row["groups"], negative)
    return weighted_auroc(scores[positive], weights[positive], scores[against], weights[against])


def grid_of(rows: Rows) -> Grid:
    """AUROC of every measure, for one architecture."""
    lines = [
        (
            row["measure"],
            *(f"{auroc_of(row, negative):.3f}" for negative in OTHERS),
            f"{auroc_of(row, OVERALL):.3f} [{row['low']:.3f}, {row['high']:.3f}]",
        )
        for row in rows
    ]
    headings = ("measure", *(f"against {name}" for name in OTHERS), "all groups [95 %]")
    return Grid(f"{rows[0]['architecture']} on {rows[0]['dataset']}", headings, lines)


def scored(rows: Rows) -> dict[str, Rows]:
    """The rows of each architecture that hold scores."""
    found = [row for row in rows if "scores" in row]
    names = dict.fromkeys(f"{row['architecture']} on {row['dataset']}" for row in found)
    return {name: [row for row in found if f"{row['architecture']} on {row['dataset']}" == name] for name in names}


def tables(rows: Rows) -> list[Table]:
    """The mean over architectures, each architecture, and how well the networks learnt."""
    kinds = scored(rows)
    lines = []
    for name in NAMES:
        chosen = [row for kind in kinds.values() for row in kind if row["measure"] == name]
        if chosen:
            means = [text([auroc_of(row, negative) for row in chosen]) for negative in (*OTHERS, OVERALL)]
            lines.append((name, *means))
    headings = ("measure", *(f"against {name}" for name in OTHERS), "all groups")
    found = [Table("discrimination", Grid("AUROC, mean over architectures", headings, lines))]
    found += [
        Table(f"discrimination_{name.split(' on ')[0].replace(' ', '_')}", grid_of(kind))
        for name, kind in kinds.items()
    ]
    learnt = [row for row in rows if "group" in row]
    lines = []
    for name in kinds:
        cells = [
            text(
                [
                    row["training accuracy"]
                    for row in learnt
                    if f"{row['architecture']} on {row['dataset']}" == name and row["group"] == group
                ],
                1,
                100,
            )
            for group in GROUPS
        ]
        lines.append((name, *cells))
    headings = ("networks", *GROUPS)
    return [*found, Table("discrimination_learnt", Grid("Accuracy on what was learnt, %", headings, lines))]


def draw(rows: Rows, folder: pathlib.Path) -> None:
    """Where pairs of each kind score."""
    plots.draw_pairs(scored(rows), GROUPS, folder / "discrimination.svg")


EXPERIMENT = Experiment("discrimination", "Discrimination", measure, tables, draw)
