"""Exact scores against estimates from sketches, with the estimated and the true error."""

import pathlib

import funcsim
import torch
from torch import Tensor, nn

from benchmarks.report import Grid

from . import copies, data, plots
from .lab import Lab
from .measures.functional import adjusted
from .networks import Architecture, Recipe
from .run import Experiment, Row, Rows, Run, Table
from .settings import Settings
from .statistics import text

ops = torch.ops.funcsim
ARCHITECTURE, DATASET = Architecture("mlp", 3, 256), "mnist1d"
HASHES = (64, 128, 256, 512, 1024, 2048, 4096)


def _network_scores(a: list[Tensor], b: list[Tensor], shuffled: list[Tensor], samples: int) -> tuple[float, ...]:
    """Score, chance and standard error."""
    counts = [samples] * len(a)
    return tuple(ops.compare_layers(a, b, shuffled, counts, counts)[4].tolist())


def _pair_rows(a: nn.Sequential, b: nn.Sequential, inputs: Tensor, hash_seeds: int) -> list[Row]:
    samples = len(inputs)
    layers_a, layers_b = (
        ops.network_signatures(funcsim.describe(model), funcsim.parameters(model), inputs) for model in (a, b)
    )
    partners = ops.shuffle_partners(inputs)
    shuffled = [ops.shuffle_samples(layer, samples) for layer in layers_b]
    exact, exact_chance, _ = _network_scores(layers_a, layers_b, shuffled, samples)
    jaccard = ops.jaccard(layers_a[0], layers_b[0])
    rows = []
    for hashes in HASHES:
        for seed in range(hash_seeds):
            sketches_a, sketches_b = (
                [ops.minhash(layer, samples, hashes, seed) for layer in layers] for layers in (layers_a, layers_b)
            )
            sketched = [ops.shuffled_minhash(layer, partners, 1, hashes, seed) for layer in layers_b]
            score, chance, error = _network_scores(sketches_a, sketches_b, sketched, samples)
            estimates = ops.minhash_jaccard(sketches_a[0], sketches_b[0])
            theory = (jaccard * (1 - jaccard) / hashes).mean().sqrt()
            rows.append(
                {
                    "hashes": hashes,
                    "hash seed": seed,
                    "exact": exact,
                    "score error": score - exact,
                    "standard error": error,
                    "adjusted error": adjusted(score, chance) - adjusted(exact, exact_chance),
                    "exact adjusted": adjusted(exact, exact_chance),
                    "pair error": float((estimates - jaccard).square().mean().sqrt()),
                    "pair bias": float((estimates - jaccard).mean()),
                    "pair theory": float(theory),
                }
            )
    return rows


def estimate(settings: Settings, seed: int) -> list[Row]:
    """One network against a noisy copy, another seed and a random network, on inputs it has never seen."""
    lab = Lab(settings.cache)
    inputs = data.fresh_mnist1d(settings.pick(20_000, 5000, 1000), settings.cache / "data")
    epochs = settings.epochs_of("")
    model = lab.network(Recipe(ARCHITECTURE, seed, DATASET, epochs=epochs))
    partners = {
        "noise 0.1": copies.noisy(model, 0.1, seed).model,
        "other seed": lab.network(Recipe(ARCHITECTURE, 700 + seed, DATASET, epochs=epochs)),
        "random": lab.network(Recipe(ARCHITECTURE, 800 + seed, DATASET, epochs=0)),
    }
    return [
        {"pair": name, "seed": seed} | row
        for name, partner in partners.items()
        for row in _pair_rows(model, partner, inputs, settings.pick(5, 3, 2))
    ]


def measure(run: Run) -> list[Row]:
    """All seeds. The inputs are made first, by one process."""
    data.fresh_mnist1d(run.settings.pick(20_000, 5000, 1000), run.settings.cache / "data")
    return run.map(estimate, [(seed,) for seed in run.seeds])


def tables(rows: Rows) -> list[Table]:
    """Errors by number of hashes: of scores, and of single pairs of units."""
    score_lines, pair_lines = [], []
    for pair in dict.fromkeys(row["pair"] for row in rows):
        for hashes in HASHES:
            chosen = [row for row in rows if row["pair"] == pair and row["hashes"] == hashes]
            by_seed = [[row for row in chosen if row["seed"] == seed] for seed in {row["seed"] for row in chosen}]

            def means(key: str, groups: list[list[Row]] = by_seed) -> list[float]:
                return [sum(row[key] for row in group) / len(group) for group in groups]

            spreads = [float(torch.tensor([row["score error"] for row in group]).std()) for group in by_seed]
            score_lines.append(
                (
                    pair,
                    str(hashes),
                    text(means("exact")),
                    text(means("score error"), 4),
                    text(spreads, 4),
                    text(means("standard error"), 4),
                    text(means("adjusted error"), 4),
                )
            )
            pair_lines.append(
                (
                    pair,
                    str(hashes),
                    text(means("pair bias"), 5),
                    text(means("pair error"), 4),
                    text(means("pair theory"), 4),
                )
            )
    score_headings = (
        "pair",
        "hashes",
        "exact score",
        "mean error of the score",
        "spread over hash seeds",
        "standard error as reported",
        "mean error of adjusted",
    )
    pair_headings = ("pair", "hashes", "mean error", "RMS error", "sqrt of the mean of J(1-J)/hashes")
    return [
        Table("sketches", Grid("Network scores from sketches", score_headings, score_lines)),
        Table("sketches_pairs", Grid("Similarities of single pairs of units, first layer", pair_headings, pair_lines)),
    ]


def draw(rows: Rows, folder: pathlib.Path) -> None:
    """Error by number of hashes."""
    plots.draw_sketches(rows, HASHES, folder / "sketches.svg")


EXPERIMENT = Experiment("sketches", "Exact against sketches", measure, tables, draw)
