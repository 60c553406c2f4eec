"""Training trajectories: which layers are done when, and when single units settle."""

import pathlib

import funcsim
import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.report import Grid

from . import plots
from .lab import Lab
from .networks import Architecture, Recipe, accuracy
from .robustness import told_apart
from .run import Experiment, Row, Rows, Run, Table
from .settings import Settings
from .statistics import text

SETTLED = 0.9  # Jaccard index with what the unit is in the end
SHARES = (0, 1 / 30, 1 / 15, 1 / 10, 1 / 6, 4 / 15, 0.4, 8 / 15, 2 / 3, 5 / 6, 1)


def kinds_of(settings: Settings) -> list[tuple[Architecture, str]]:
    """Architectures and their data."""
    found = [
        (Architecture("mlp", 8, 128), "digits"),
        (Architecture("cnn"), "digits"),
        (Architecture("cnn1d"), "mnist1d"),
    ]
    return found if settings.scale == "full" else found[:1]


def own_jaccard(a: Tensor, b: Tensor) -> Tensor:
    """Of each unit with the unit at the same place: ``[units]``, from signatures."""
    rows = [np.unpackbits(layer.numpy(), axis=1).astype(bool) for layer in (a, b)]
    shared, either = (rows[0] & rows[1]).sum(axis=1), (rows[0] | rows[1]).sum(axis=1)
    return torch.from_numpy(np.where(either > 0, shared / np.maximum(either, 1), 1.0))


def _signatures(model: nn.Sequential, inputs: Tensor) -> list[Tensor]:
    found: list[Tensor] = torch.ops.funcsim.network_signatures(
        funcsim.describe(model), funcsim.parameters(model), inputs
    )
    return found


def follow(settings: Settings, architecture: Architecture, dataset: str, seed: int) -> list[Row]:
    """One network, checkpoint by checkpoint and layer by layer, against what it becomes and against another seed."""
    lab = Lab(settings.cache)
    data = lab.dataset(dataset)
    inputs, test = architecture.shaped(data.probe), architecture.shaped(data.test)
    last = settings.epochs_of(architecture.kind)
    epochs = sorted({round(share * last) for share in SHARES})
    models = lab.trajectory(Recipe(architecture, 900 + seed, dataset, epochs=last), epochs)
    others = lab.trajectory(Recipe(architecture, 950 + seed, dataset, epochs=last), epochs)
    signatures = [_signatures(model, inputs) for model in models]
    rows: list[Row] = []
    for index, (epoch, model, other) in enumerate(zip(epochs, models, others, strict=True)):
        to_end = funcsim.compare(model, models[-1], inputs)
        to_other = funcsim.compare(model, other, inputs)
        for number, layer in enumerate(to_end.layers):
            units = told_apart(signatures[-1][number], layer.num_samples)
            partner = torch.full((layer.units_a,), -1)
            partner[layer.matches[:, 0]] = layer.matches[:, 1]
            now_and_later = torch.stack(
                [own_jaccard(later[number], signatures[-1][number]) for later in signatures[index:]]
            )
            rows.append(
                {
                    "architecture": str(architecture),
                    "dataset": dataset,
                    "seed": seed,
                    "epoch": epoch,
                    "layer": number,
                    "accuracy": accuracy(model, test, data.test_labels),
                    "adjusted": layer.adjusted,
                    "adjusted to other seed": to_other.layers[number].adjusted,
                    "own Jaccard": float(now_and_later[0].mean()),
                    "in place": float((partner == torch.arange(layer.units_a))[units].double().mean()),
                    "settled": float((now_and_later.amin(dim=0) >= SETTLED)[units].double().mean()),
                }
            )
    return rows


def across(settings: Settings, architecture: Architecture, dataset: str, seed: int) -> list[Row]:
    """All layers of a trained network against all of another seed's."""
    lab = Lab(settings.cache)
    inputs = architecture.shaped(lab.dataset(dataset).probe)
    last = settings.epochs_of(architecture.kind)
    a, b = (lab.network(Recipe(architecture, base + seed, dataset, epochs=last)) for base in (0, 20))
    found = funcsim.layer_similarity(a, b, inputs)
    return [{"architecture": str(architecture), "dataset": dataset, "seed": seed, "matrix": found.adjusted.tolist()}]


def measure(run: Run) -> list[Row]:
    """All seeds."""
    kinds = kinds_of(run.settings)
    rows = run.map(follow, [(*kind, seed) for kind in kinds for seed in run.seeds])
    return rows + run.map(across, [(*kinds[0], seed) for seed in run.seeds])


def tables(rows: Rows) -> list[Table]:
    """One for each architecture: a line for each checkpoint."""
    found = []
    checkpoints = [row for row in rows if "epoch" in row]
    for name in dict.fromkeys(row["architecture"] for row in checkpoints):
        chosen = [row for row in checkpoints if row["architecture"] == name]
        deepest = max(row["layer"] for row in chosen)
        lines = []
        for epoch in dict.fromkeys(row["epoch"] for row in chosen):
            here = [row for row in chosen if row["epoch"] == epoch]

            def cell(key: str, layer: int | None, digits: int = 3, scale: float = 1, here: Rows = here) -> str:
                seeds = dict.fromkeys(row["seed"] for row in here)
                kept = [
                    [row[key] for row in here if row["seed"] == seed and layer in (None, row["layer"])]
                    for seed in seeds
                ]
                return text([float(np.mean(values)) for values in kept], digits, scale)

            lines.append(
                (
                    str(epoch),
                    cell("accuracy", 0, 1, 100),
                    cell("adjusted", 0),
                    cell("adjusted", deepest),
                    cell("adjusted to other seed", None),
                    cell("in place", None, 1, 100),
                    cell("settled", 0, 1, 100),
                    cell("settled", deepest, 1, 100),
                )
            )
        headings = (
            "epoch",
            "accuracy, %",
            "adjusted to the end, first layer",
            "last hidden layer",
            "adjusted to other seed",
            "matched to themselves, %",
            "settled, first layer, %",
            "settled, last hidden layer, %",
        )
        title = f"{name} on {chosen[0]['dataset']}"
        found.append(Table(f"trajectories_{name.replace(' ', '_')}", Grid(title, headings, lines)))
    return found


def draw(rows: Rows, folder: pathlib.Path) -> None:
    """Heat maps of layers by checkpoints, and of layers by layers of another seed."""
    plots.draw_trajectories([row for row in rows if "epoch" in row], folder / "trajectories.svg")
    plots.draw_layers([row for row in rows if "matrix" in row], folder / "layers.svg")


EXPERIMENT = Experiment("trajectories", "Training trajectories", measure, tables, draw)
