"""Flicker: do the bits flip under noise that distances to the boundary say?"""

import math

import funcsim
import torch
from torch import Tensor, nn

from benchmarks.report import Grid

from . import copies
from .lab import Lab
from .measures.activations import AFFINE, NORMS
from .networks import Architecture, Recipe
from .run import Row, Rows, Table
from .settings import Settings
from .statistics import rank_correlation, text

SIGMAS = (0.003, 0.01, 0.03, 0.1)
EPS = 0.05  # what counts as near, funcsim's default


def preactivations(model: nn.Sequential, inputs: Tensor) -> list[Tensor]:
    """Of each hidden layer, BatchNorms behind it included: float64 ``[units, samples]``, all positions of a grid."""
    found: list[Tensor] = []
    value, waiting = inputs, False
    with torch.no_grad():
        for module in model:
            if waiting and not isinstance(module, NORMS):
                found.append(value.transpose(0, 1).flatten(1).double())
            waiting = isinstance(module, AFFINE) or (waiting and isinstance(module, NORMS))
            value = module(value)
    return found


def displacements(model: nn.Sequential, noisy: list[nn.Sequential], inputs: Tensor) -> list[float]:
    """How far noise moves the canonical pre-activations of each layer, over their root mean square.

    Both are root mean squares over units and samples, the first over the copies as well. The units of a copy are on the
    scale of the original's, whose boundary stays where it is.
    """
    before = preactivations(model, inputs)
    canonical = preactivations(funcsim.canonicalize(model), inputs)
    scales = [
        torch.where((size := z.norm(dim=1)) > 0, form.norm(dim=1) / size, 0.0)[:, None]
        for z, form in zip(before, canonical, strict=True)
    ]
    squares = torch.zeros(len(before), dtype=torch.float64)
    for copy in noisy:
        after = preactivations(copy, inputs)
        squares += torch.stack(
            [(scale * (z - w)).square().mean() for z, w, scale in zip(before, after, scales, strict=True)]
        )
    moved = (squares / len(noisy)).sqrt()
    return [float(amount / form.square().mean().sqrt()) for amount, form in zip(moved, canonical, strict=True)]


def predicted(flicker: Tensor, displacement: float, eps: float = EPS) -> Tensor:
    """Share of bits that flip, by unit.

    A sample at a distance of d flips with probability Φ(-d / τ). With samples as dense all along the way as within eps
    of the boundary, that makes (share within eps) τ / (eps √(2π)).
    """
    return flicker * displacement / (eps * math.sqrt(2 * math.pi))


def flip_rows(settings: Settings, architecture: Architecture, dataset: str, seed: int) -> list[Row]:
    """One network: each layer with each amount of noise."""
    lab = Lab(settings.cache)
    inputs = architecture.shaped(lab.dataset(dataset).probe)
    model = lab.network(Recipe(architecture, seed, dataset, epochs=settings.epochs_of("")))
    repeats = settings.pick(10, 5, 1)
    found = funcsim.stability(model, inputs, sigmas=SIGMAS, repeats=repeats, eps=EPS, seed=seed)
    rows: list[Row] = []
    for place, sigma in enumerate(SIGMAS):
        # Noise of its own: nothing but the distances is taken from what is predicted.
        noisy = [copies.noisy(model, sigma, 1000 * seed + repeat).model for repeat in range(repeats)]
        for index, (layer, moved) in enumerate(
            zip(found.layers, displacements(model, noisy, inputs), strict=True), start=1
        ):
            said, measured = predicted(layer.flicker, moved), layer.flips[place]
            rows.append(
                {
                    "flips": str(architecture),
                    "seed": seed,
                    "layer": index,
                    "sigma": sigma,
                    "measured": float(measured.mean()),
                    "predicted": float(said.mean()),
                    "ratio": float(measured.mean() / said.mean()),
                    "ranks": rank_correlation(layer.flicker.numpy(), measured.numpy()),
                }
            )
    return rows


def flips_table(rows: Rows) -> Table:
    """By network, layer and noise."""
    lines = []
    for name, layer, sigma in dict.fromkeys((row["flips"], row["layer"], row["sigma"]) for row in rows):
        chosen = [row for row in rows if (row["flips"], row["layer"], row["sigma"]) == (name, layer, sigma)]
        shares = [text([row[key] for row in chosen], 2, 100) for key in ("measured", "predicted")]
        others = [text([row[key] for row in chosen], 2) for key in ("ratio", "ranks")]
        lines.append((name, str(layer), f"{sigma:g}", *shares, *others))
    headings = (
        "networks",
        "layer",
        "sigma",
        "bits flipped, %",
        "predicted, %",
        "ratio",
        "rank correlation over units",
    )
    return Table("uncertainty_flips", Grid("Bits that flip under noise on the weights", headings, lines))
