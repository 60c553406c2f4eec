"""p-values where nothing is to be found: networks that look at unrelated signals."""

import copy

import funcsim
import torch
from funcsim.settings import Positions
from torch import Tensor, nn

from benchmarks.report import Grid

from .lab import Lab
from .measures.activations import AFFINE
from .networks import Architecture, Recipe
from .run import Row, Rows, Table
from .settings import Settings
from .statistics import text

SHUFFLES = 19  # the least with which p can be 0.05
LEVELS = (0.05, 0.1)


def half_blind(model: nn.Sequential, second: bool) -> nn.Sequential:
    """The network on inputs with twice as many channels (or features) of which it sees the first or the second half."""
    model = copy.deepcopy(model)
    layer = model[0]
    assert isinstance(layer, AFFINE)
    nothing = torch.zeros_like(layer.weight)
    layer.weight = nn.Parameter(
        torch.cat([nothing, layer.weight] if second else [layer.weight, nothing], dim=1), requires_grad=False
    )
    name = "in_features" if isinstance(layer, nn.Linear) else "in_channels"
    setattr(layer, name, layer.weight.shape[1])
    return model


def unrelated(rows: Tensor, generator: torch.Generator) -> Tensor:
    """Inputs of two independent halves: the first of all rows, the second of them in another order."""
    return torch.cat([rows, rows[torch.randperm(len(rows), generator=generator)]], dim=1)


def null_rows(
    settings: Settings, architecture: Architecture, dataset: str, positions: Positions, size: int, seed: int
) -> list[Row]:
    """How often p was small: one pair of trained networks on many draws of inputs."""
    lab = Lab(settings.cache)
    epochs = settings.epochs_of(architecture.kind)
    a, b = (
        half_blind(lab.network(Recipe(architecture, base + seed, dataset, epochs=epochs)), second)
        for base, second in ((0, False), (20, True))
    )
    pool = architecture.shaped(lab.dataset(dataset).probe)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for draw in range(settings.pick(100, 40, 2)):
        chosen = pool[torch.randperm(len(pool), generator=generator)[:size]]
        inputs = unrelated(chosen, generator)
        comparison = funcsim.compare(a, b, inputs, method="exact", shuffles=SHUFFLES, positions=positions, seed=draw)
        found.append((comparison.p_value, comparison.adjusted))
    p_values, adjusted = torch.tensor(found, dtype=torch.float64).T
    shares = {f"at most {level}": float((p_values <= level).double().mean()) for level in LEVELS}
    return [
        {
            "null": str(architecture),
            "dataset": dataset,
            "seed": seed,
            "positions": positions,
            "inputs": size,
            "mean p": float(p_values.mean()),
            "adjusted": float(adjusted.mean()),
            **shares,
        }
    ]


def null_table(rows: Rows) -> Table:
    """By network and positions."""
    lines = []
    for name, positions in dict.fromkeys((row["null"], row["positions"]) for row in rows):
        chosen = [row for row in rows if (row["null"], row["positions"]) == (name, positions)]
        cells = [text([row[f"at most {level}"] for row in chosen], 1, 100) for level in LEVELS]
        means = [text([row[key] for row in chosen], digits) for key, digits in (("mean p", 3), ("adjusted", 4))]
        first = chosen[0]
        places = "–" if first["null"].startswith("mlp") else str(positions)
        lines.append((f"{name} on {first['dataset']}", places, str(first["inputs"]), *cells, *means))
    headings = (
        "networks",
        "positions",
        "inputs drawn",
        *(f"p at most {level}, % of draws" for level in LEVELS),
        "mean p",
        "adjusted score",
    )
    title = f"p-values ({SHUFFLES} shuffles) of networks that look at unrelated inputs"
    return Table("uncertainty_null", Grid(title, headings, lines))
