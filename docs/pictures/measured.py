"""Pictures of what is measured: networks that are trained on scikit-learn's digits."""

import copy
from dataclasses import dataclass

import funcsim
import numpy as np
import style
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from style import BLUE, GREEN, GREY, INK, ORANGE
from torch import Tensor, nn

TRAINING = 1437
EPOCHS = 15


@dataclass(frozen=True)
class Networks:
    """A trained MLP, and what it is compared with.

    Attributes:
        inputs: float32 ``[1797, 64]``.
        reference: The MLP, 64-128-128-10.
        partners: By what they are.
    """

    inputs: Tensor
    reference: nn.Sequential
    partners: dict[str, nn.Sequential]


def _mlp(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))


def _trained(model: nn.Sequential, inputs: Tensor, labels: Tensor, epochs: int) -> nn.Sequential:
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(epochs):
        for batch in torch.randperm(TRAINING).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs[batch]), labels[batch]).backward()
            optimizer.step()
    return model


def _pruned(model: nn.Sequential, share: float) -> nn.Sequential:
    model = copy.deepcopy(model)
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Linear):
                layer.weight[layer.weight.abs() < layer.weight.abs().quantile(share)] = 0
    return model


def train_networks() -> Networks:
    """On one thread: it is faster for small networks, and the number of cores doesn't decide how sums are rounded."""
    torch.set_num_threads(1)
    pixels, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))
    inputs = torch.tensor((pixels[order] - 4.9) / 6.0, dtype=torch.float32)
    labels = torch.tensor(digits[order])
    reference = _trained(_mlp(1), inputs, labels, EPOCHS)
    partners = {
        "itself": reference,
        "one epoch later": _trained(copy.deepcopy(reference), inputs, labels, 1),
        "50 % of its weights pruned": _pruned(reference, 0.5),
        "90 % of its weights pruned": _pruned(reference, 0.9),
        "another seed": _trained(_mlp(2), inputs, labels, EPOCHS),
        "never trained": _mlp(3),
    }
    return Networks(inputs, reference, partners)


def matched_against_chance(networks: Networks) -> Figure:
    """Distributions of similarities of matched units, and of those matched by chance."""
    figure = style.figure(9, 4.2)
    grid = figure.subplots(2, 3, sharex=True)
    bins = np.linspace(0, 1, 41)
    for axes, (name, partner) in zip(grid.flat, networks.partners.items(), strict=True):
        result = funcsim.compare(networks.reference, partner, networks.inputs, details=True)
        matched = torch.cat([layer.similarities for layer in result.layers]).numpy()
        collected = [layer.chance_similarities for layer in result.layers]
        chance = torch.cat([similarities for similarities in collected if similarities is not None]).numpy()
        axes.hist(chance, bins, color=ORANGE, alpha=0.35, histtype="stepfilled", label="by chance")
        axes.hist(chance, bins, color=ORANGE, histtype="step")
        axes.hist(matched, bins, color=BLUE, alpha=0.55, histtype="stepfilled", label="matched")
        axes.hist(matched, bins, color=BLUE, histtype="step")
        axes.set_title(f"{name}\nscore {result.score:.2f}, chance {result.chance:.2f}, adjusted {result.adjusted:.2f}")
        axes.set_yticks([])
        axes.spines.left.set_visible(False)
    grid[0, 0].legend(loc="upper left", fontsize=8)
    for axes in grid[1]:
        axes.set_xlabel("similarity of two units (J)")
    return figure


def adjusted(networks: Networks) -> Figure:
    """What chance gives by density; and score, chance and adjusted of pairs, as shares of one line."""
    figure = style.figure(9, 3.1)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.9))
    density = np.linspace(0.01, 1, 100)
    left.plot(density, density / (2 - density), color=INK)
    for p in (0.05, 0.5, 0.8):
        left.plot(p, p / (2 - p), "o", color=ORANGE)
        left.annotate(f"{p / (2 - p):.2f}", (p, p / (2 - p)), (7, -7), textcoords="offset points")
    left.set_xlabel("share of the inputs on which each fires")
    left.set_ylabel("expected J")
    left.set_title("units that have nothing in common")

    for place, partner in enumerate(networks.partners.values()):
        result = funcsim.compare(networks.reference, partner, networks.inputs)
        right.plot([0, 1], [-place, -place], color=GREY, linewidth=1)
        right.plot([result.chance, result.score], [-place, -place], color=BLUE, linewidth=6, solid_capstyle="butt")
        right.plot(result.chance, -place, "|", color=ORANGE, markersize=14, markeredgewidth=2)
        right.plot(result.score, -place, "o", color=BLUE, markersize=6)
        right.text(1.04, -place, f"{result.adjusted:.2f}", va="center")
    right.text(1.04, 0.8, "adjusted", va="center")
    right.plot([], [], "|", color=ORANGE, markersize=10, markeredgewidth=2, label="chance")
    right.plot([], [], "o", color=BLUE, label="score")
    right.legend(loc="center left", fontsize=8, framealpha=1)
    right.set_yticks([-place for place in range(len(networks.partners))], list(networks.partners))
    right.set_xlim(0, 1.02)
    right.set_title("adjusted: how far the score got on the way from chance to 1", pad=12)
    right.set_xlabel("similarity")
    return figure


def number_of_inputs(networks: Networks) -> Figure:
    """Scores with intervals by number of inputs, and estimates with standard errors by number of hashes."""
    figure = style.figure(9, 3.2)
    left, right = figure.subplots(1, 2)
    sizes = (50, 100, 200, 400, 800, 1797)
    hashes = (64, 128, 256, 512, 1024, 2048, 4096)
    for name, color in (("one epoch later", GREEN), ("another seed", BLUE)):
        partner = networks.partners[name]
        found = [funcsim.compare(networks.reference, partner, networks.inputs[-size:], interval=0.95) for size in sizes]
        scores = [result.score for result in found]
        halves = [(result.interval[1] - result.interval[0]) / 2 if result.interval else 0 for result in found]
        left.errorbar(sizes, scores, halves, fmt="o-", color=color, capsize=3, markersize=4, label=name)
        exact = found[-1].score
        estimated = [
            funcsim.compare(networks.reference, partner, networks.inputs, method="minhash", num_hashes=count)
            for count in hashes
        ]
        right.errorbar(
            hashes,
            [result.score for result in estimated],
            [result.standard_error for result in estimated],
            fmt="o-",
            color=color,
            capsize=3,
            markersize=4,
            label=name,
        )
        right.axhline(exact, color=color, linestyle=":", linewidth=1)
    left.set_xscale("log")
    left.set_xticks(sizes, [str(size) for size in sizes])
    left.minorticks_off()
    left.set_xlabel("inputs")
    left.set_ylabel("score")
    left.set_title("counted, with intervals of 95 %")
    left.legend(fontsize=8)
    right.set_xscale("log", base=2)
    right.set_xticks(hashes, [str(count) for count in hashes])
    right.set_xlabel("hashes")
    right.set_title("estimated, with standard errors; dotted: counted")
    return figure


def _reading(model: nn.Sequential, first: int) -> nn.Sequential:
    """A network that reads 64 of 128 numbers, from ``first`` on."""
    layer, *rest = copy.deepcopy(model)
    widened = nn.Linear(128, 128)
    with torch.no_grad():
        widened.weight.zero_()
        widened.weight[:, first : first + 64] = layer.get_parameter("weight")
        widened.bias.copy_(layer.get_parameter("bias"))
    return nn.Sequential(widened, *rest)


def shuffles(networks: Networks) -> Figure:
    """The score among those of shuffled inputs, for networks that see the same inputs and others."""
    rng = np.random.default_rng(1)
    a, b = _reading(networks.reference, 0), _reading(networks.partners["another seed"], 64)
    rows = networks.inputs[-100:]
    figure = style.figure(9, 2.8)
    for axes, (name, others) in zip(
        figure.subplots(1, 2, sharex=True),
        (("both see the same 100 images", rows), ("each sees 100 images of its own", networks.inputs[300:400])),
        strict=True,
    ):
        result = funcsim.compare(a, b, torch.cat([rows, others], dim=1), shuffles=99)
        scores = [
            funcsim.compare(a, b, torch.cat([rows, others[rng.permutation(100)]], dim=1), details=False).score
            for _ in range(99)
        ]
        axes.hist(scores, 15, color=ORANGE, alpha=0.5, label="99 shuffles")
        axes.axvline(result.score, color=BLUE, linewidth=2, label="the score")
        axes.set_title(f"another seed; {name}\np = {result.p_value:.2f}, adjusted {result.adjusted:.2f}")
        axes.set_xlabel("score")
        axes.set_yticks([])
        axes.spines.left.set_visible(False)
        axes.legend(fontsize=8)
    return figure


def flicker(networks: Networks) -> Figure:
    """Distances of two units' inputs from where they begin to fire; and the bits that noise flips, by flicker."""
    result = funcsim.stability(networks.reference, networks.inputs, sigmas=(0.03,), repeats=10, eps=0.05)
    layer = result.layers[1]
    canonical = funcsim.canonicalize(networks.reference)
    with torch.no_grad():
        distances = canonical[:3](networks.inputs)
    distances = (distances / distances.square().mean().sqrt()).numpy()
    varying = np.flatnonzero((distances > 0).any(axis=0) & (distances < 0).any(axis=0))
    order = varying[np.argsort(layer.flicker.numpy()[varying])]
    figure = style.figure(9, 3.1)
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    for unit, color, kind in ((order[0], GREEN, "steady"), (order[-1], ORANGE, "flickers")):
        share = layer.flicker[unit].item()
        left.hist(
            distances[:, unit],
            np.arange(-2.5, 2.5, 0.05),
            histtype="stepfilled",
            color=color,
            alpha=0.6,
            label=f"unit {unit}, {kind}: {share:.1%} within 0.05",
        )
    left.axvspan(-0.05, 0.05, color=GREY, alpha=0.35, linewidth=0)
    left.set_xlabel("pre-activation, in units of the layer's root mean square; it fires above 0")
    left.set_yticks([])
    left.spines.left.set_visible(False)
    left.set_title("1797 inputs of two units")
    left.margins(y=0.35)
    left.legend(fontsize=8, loc="upper right")
    right.plot(100 * layer.flicker, 100 * layer.flips[0], ".", color=BLUE, markersize=4)
    right.set_xlabel("flicker, % of the inputs")
    right.set_ylabel("bits flipped, %")
    right.set_title("noise of 3 % on the weights, all units of the layer")
    return figure
