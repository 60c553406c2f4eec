"""Pretrained networks that ship in packages: robustness, and how far a trained network is from a random one."""

import pathlib

import funcsim
import torch

from benchmarks.report import Grid

from . import plots
from .measures.functional import bits_cka, signatures
from .networks import logits
from .predictions import disagreement
from .pretrained_networks import NAMES, Pretrained, pretrained
from .robustness import copy_makers, grid_of, rows_of
from .run import Experiment, Row, Rows, Run, Table
from .settings import Settings
from .statistics import text

# Of CREPE's full version, 22 million weights, fewer copies are made.
FEW = ("itself", "permuted and rescaled", "bfloat16", "int8", "noise 0.01", "noise 0.1", "50% pruned", "90% pruned")


def _random_row(network: Pretrained, inputs: torch.Tensor, seed: int) -> Row:
    other = network.random(seed)
    comparison = funcsim.compare(network.model, other, inputs)
    said = [logits(model, inputs).flatten(1)[:, : network.classes] for model in (network.model, other)]
    return {
        "copy": "random",
        "score": comparison.score,
        "chance": comparison.chance,
        "adjusted": comparison.adjusted,
        "disagreement": disagreement(*said),
    }


def compare_copies(settings: Settings, name: str, seed: int) -> list[Row]:
    """One network against its copies and against the same architecture without training."""
    network = pretrained(name)
    full = name == "CREPE full"
    inputs = network.inputs(settings.pick(50 if full else 200, 100, 20))
    common: Row = {"network": name, "seed": seed, "inputs": len(inputs)}
    names = FEW if full else tuple(copy_makers(seed))
    # The others come out the same for every seed.
    chosen = [copy for copy in names if seed == 0 or copy.startswith("noise") or copy == "permuted and rescaled"]
    rows = [
        common | {"copy": copy} | figures
        for copy, _, figures in rows_of(network.model, inputs, seed, chosen, network.classes)
    ]
    return [*rows, common | _random_row(network, inputs, seed)]


def compare_sizes(settings: Settings, seed: int) -> list[Row]:
    """CREPE's tiny version against its full one: the same task, an eighth of the filters; and against random ones."""
    tiny, full = pretrained("CREPE tiny"), pretrained("CREPE full")
    inputs = tiny.inputs(settings.pick(50, 30, 20))
    pairs = {
        "tiny and full": (tiny.model, full.model),
        "tiny and random full": (tiny.model, full.random(seed)),
        "random tiny and full": (tiny.random(seed), full.model),
    }
    rows = []
    for name, (a, b) in pairs.items():
        found = funcsim.compare(a, b, inputs)
        cka = bits_cka(signatures(a, inputs), signatures(b, inputs))
        rows += [
            {
                "pair": name,
                "seed": seed,
                "layer": index,
                "units": layer.units_a,
                "coverage": layer.coverage_a,
                # Of a layer with more units than the other, scores and chances are sums over fewer pairs.
                "chance": layer.chance * layer.units_b / layer.units_a,
                "cka": value,
            }
            for index, (layer, value) in enumerate(zip(found.layers, cka, strict=True))
        ]
    return rows


def measure(run: Run) -> list[Row]:
    """All networks; noise, permutations and random networks with several seeds."""
    names = run.settings.pick(NAMES, ("CREPE tiny", "R-Net"), ("P-Net",))
    rows = run.map(compare_copies, [(name, seed) for name in names for seed in run.seeds])
    return rows + (run.map(compare_sizes, [(seed,) for seed in run.seeds]) if "CREPE full" in names else [])


def tables(rows: Rows) -> list[Table]:
    """One for each network, and one of CREPE's two sizes."""
    found = []
    for name in dict.fromkeys(row["network"] for row in rows if "network" in row):
        chosen = [row for row in rows if row.get("network") == name]
        grid = grid_of(f"{name}, {chosen[0]['inputs']} inputs", chosen)
        found.append(Table(f"pretrained_{name.replace(' ', '_').replace('-', '').lower()}", grid))
    sizes = [row for row in rows if "pair" in row]
    if sizes:
        found.append(Table("pretrained_sizes", _sizes_grid(sizes)))
    return found


def _sizes_grid(rows: Rows) -> Grid:
    pairs = list(dict.fromkeys(row["pair"] for row in rows))
    lines = []
    for layer in dict.fromkeys(row["layer"] for row in rows):
        cells = []
        for key in ("coverage", "chance", "cka"):
            cells += [
                text([row[key] for row in rows if row["pair"] == pair and row["layer"] == layer]) for pair in pairs
            ]
        lines.append((str(layer + 1), *cells))
    headings = (
        "layer",
        *(f"{what}: {pair}" for what in ("coverage of tiny", "its chance level", "CKA of bits") for pair in pairs),
    )
    return Grid("CREPE tiny against full", headings, lines)


def draw(rows: Rows, folder: pathlib.Path) -> None:
    """Adjusted score by noise."""
    plots.draw_pretrained([row for row in rows if "network" in row], folder / "pretrained.svg")


EXPERIMENT = Experiment("pretrained", "Pretrained networks", measure, tables, draw)
