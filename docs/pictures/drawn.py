"""Pictures that explain, from numbers that are made up or read from docs/evaluation."""

import json
import pathlib

import numpy as np
import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from style import BLUE, GREEN, GREY, INK, ORANGE


def _cells(axes: Axes, row: float, colors: list[str]) -> None:
    for place, color in enumerate(colors):
        axes.add_patch(Rectangle((place, row), 0.86, 0.86, facecolor=color, edgecolor=GREY, linewidth=0.5))


def firing_sets() -> Figure:
    """Two units as half-planes over inputs, and the same as bits."""
    rng = np.random.default_rng(11)
    points = rng.normal(size=(36, 2))
    fires_a = points @ [1.0, 0.35] > -0.2
    fires_b = points @ [0.2, 1.0] > 0.0
    both, either = int((fires_a & fires_b).sum()), int((fires_a | fires_b).sum())
    kinds = (
        ("both fire", fires_a & fires_b, GREEN, "o"),
        ("a alone", fires_a & ~fires_b, BLUE, "s"),
        ("b alone", fires_b & ~fires_a, ORANGE, "^"),
        ("neither", ~(fires_a | fires_b), GREY, "x"),
    )
    figure = style.figure(9, 3.3)
    plane, bits = figure.subplots(1, 2, width_ratios=(1, 1.5))
    for name, which, color, marker in kinds:
        plane.plot(*points[which].T, marker, color=color, markersize=5, label=f"{name}: {which.sum()}")
    line = np.array([-3.0, 3.0])
    plane.plot(-0.2 - 0.35 * line, line, color=BLUE, linewidth=1)
    plane.plot(line, -0.2 * line, color=ORANGE, linewidth=1)
    plane.set_xlim(-2.6, 2.6)
    plane.set_ylim(-2.6, 2.6)
    plane.set_xticks([])
    plane.set_yticks([])
    plane.set_title("36 inputs, and where units a and b begin to fire")
    plane.legend(fontsize=7, loc="lower left", framealpha=0.9)

    order = np.lexsort((~fires_b, ~fires_a, ~(fires_a | fires_b)))
    for row, (name, own, color) in enumerate((("b", fires_b, ORANGE), ("a", fires_a, BLUE))):
        alone = np.where(own, color, "white")[order]
        _cells(bits, 1.3 * row, np.where((fires_a & fires_b)[order], GREEN, alone).tolist())
        bits.text(-0.6, 1.3 * row + 0.43, name, ha="right", va="center", fontsize=11)
    bits.plot([0, either - 0.14], [-0.5, -0.5], color=INK, linewidth=1)
    bits.text(either / 2, -1.7, f"a or b: {either} inputs", ha="center")
    bits.plot([0, both - 0.14], [2.6, 2.6], color=GREEN, linewidth=2)
    bits.text(both / 2, 3.1, f"a and b: {both}", ha="center", color=GREEN)
    bits.text(18, 5.2, f"J = {both} / {either} = {both / either:.2f}", ha="center", fontsize=12)
    bits.text(18, -3.6, "neither: counts for nothing", ha="center", color=GREY)
    bits.set_xlim(-2, 36.5)
    bits.set_ylim(-5, 7)
    style.bare(bits)
    bits.set_title("the same as bits, a square for each input")
    return figure


def matching() -> Figure:
    """Similarities of all pairs of two layers' units, and the assignment."""
    rng = np.random.default_rng(5)
    partners = np.array([2, 0, 4, 1, 5, 3])
    similarities = rng.uniform(0.15, 0.5, size=(6, 6))
    similarities[np.arange(6), partners] = [0.93, 0.88, 0.81, 0.9, 0.52, 0.76]
    figure = style.figure(5, 3.4)
    axes = figure.subplots()
    axes.imshow(similarities, vmin=0, vmax=1, cmap="Blues")
    for (a, b), value in np.ndenumerate(similarities):
        chosen = partners[a] == b
        axes.text(
            b,
            a,
            f"{value:.2f}",
            ha="center",
            va="center",
            color="white" if value > 0.6 else INK,
            weight="bold" if chosen else "normal",
        )
        if chosen:
            axes.add_patch(Rectangle((b - 0.47, a - 0.47), 0.94, 0.94, fill=False, edgecolor=ORANGE, linewidth=2))
    axes.set_xticks(range(6))
    axes.set_yticks(range(6))
    axes.set_xlabel("units of b")
    axes.set_ylabel("units of a")
    axes.set_title(f"score = mean of the framed = {similarities[np.arange(6), partners].mean():.2f}")
    return figure


def widths() -> Figure:
    """Eight units against six of them."""
    figure = style.figure(9, 2.4)
    panels = figure.subplots(1, 2)
    for axes, title, values in (
        (panels[0], "b has 6 of a's 8 units, as they are", [1.0] * 6),
        (panels[1], "b has 6 units that are a little like a's", [0.7, 0.6, 0.8, 0.6, 0.7, 0.5]),
    ):
        for unit in range(8):
            partner = unit < 6
            axes.plot(unit, 1, "o", color=BLUE, markersize=13, fillstyle="full" if partner else "none")
            if partner:
                axes.plot([unit, unit + 1], [0.92, 0.08], color=GREY, linewidth=3 * values[unit] ** 2)
                axes.plot(unit + 1, 0, "o", color=ORANGE, markersize=13)
                axes.text(unit + 0.62, 0.52, f"{values[unit]:g}", fontsize=8)
        axes.text(-0.7, 1, "a", va="center", fontsize=11)
        axes.text(-0.7, 0, "b", va="center", fontsize=11)
        total = sum(values)
        axes.text(
            3.5,
            -0.75,
            f"coverage of a: {total:.1f} / 8 = {total / 8:.2f}, of b: {total:.1f} / 6 = {total / 6:.2f}\n"
            f"score: {total:.1f} / 8 = {total / 8:.2f}",
            ha="center",
            va="center",
        )
        axes.set_title(title)
        axes.set_xlim(-1, 8)
        axes.set_ylim(-1.1, 1.3)
        axes.set_axis_off()
    return figure


def units_alike() -> Figure:
    """Bits of units that can't be told apart, and of others."""
    rng = np.random.default_rng(7)
    usual = rng.random((4, 32)) < np.array([[0.5], [0.3], [0.6], [0.15]])
    rows = [
        ("0", usual[0], ""),
        ("1", usual[1], ""),
        ("2", np.zeros(32, bool), "dead"),
        ("3", usual[2], ""),
        ("4", usual[1], "duplicate of 1"),
        ("5", np.ones(32, bool), "always on"),
        ("6", usual[3], ""),
        ("7", np.zeros(32, bool), "dead"),
    ]
    figure = style.figure(9, 2.6)
    axes = figure.subplots()
    for row, (name, bits, kind) in enumerate(rows):
        _cells(axes, -row, [(ORANGE if kind else BLUE) if bit else "white" for bit in bits])
        axes.text(-0.6, 0.43 - row, f"unit {name}", ha="right", va="center")
        axes.text(32.6, 0.43 - row, kind, va="center", color=ORANGE)
    axes.set_xlim(-4, 40)
    axes.set_ylim(-7.3, 1)
    style.bare(axes)
    axes.set_title("bits of eight units, a column for each input")
    return figure


# What is shown of the evaluation, and what it is called.
COPIES = {
    "itself": "itself",
    "permuted and rescaled": "permuted and rescaled",
    "bfloat16": "rounded to bfloat16",
    "int8": "rounded to int8",
    "noise 0.01": "noise of 1 % on the weights",
    "noise 0.03": "noise of 3 %",
    "noise 0.1": "noise of 10 %",
    "10% pruned": "10 % of the weights pruned",
    "20% pruned": "20 % pruned",
    "30% pruned": "30 % pruned",
    "50% pruned": "50 % pruned",
    "70% pruned": "70 % pruned",
    "90% pruned": "90 % pruned",
    "other seed": "other seed, just as accurate",
    "random": "never trained",
}
BOUNDS = {0.1: "other units", 0.25: "distant", 0.5: "changed", 0.75: "close", 0.95: "nearly the same"}


def levels(file: pathlib.Path) -> Figure:
    """Adjusted scores of known copies in the evaluation, next to what the verdict calls them."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for table in json.loads(file.read_text(encoding="utf-8"))["tables"]:
        for values in table["rows"]:
            row = dict(zip(table["columns"], values, strict=True))
            by_architecture = found.setdefault(row["copy"], {})
            by_architecture.setdefault(row["architecture"], []).append((row["adjusted"], row["accuracy"]))
    figure = style.figure(9, 4.4)
    axes = figure.subplots()
    for place, copy in enumerate(COPIES):
        means = np.array([np.mean(values, axis=0) for values in found[copy].values()])
        adjusted, accuracy = means.T
        axes.plot([adjusted.min(), adjusted.max()], [-place, -place], color=BLUE, linewidth=5, solid_capstyle="round")
        axes.plot(adjusted, [-place] * len(adjusted), "|", color="white", markersize=5)
        reach = f"{100 * accuracy.min():.0f} to {100 * accuracy.max():.0f} %"
        axes.text(1.04, -place, reach, va="center", fontsize=8)
    axes.text(1.04, 1.2, "accuracy", va="center", fontsize=8)
    for bound, name in BOUNDS.items():
        axes.axvline(bound, color=GREY, linewidth=0.8, linestyle=":")
        axes.text(bound + 0.005, 1.2, name if bound < 0.95 else "", va="center", fontsize=7, color=INK)
    axes.set_yticks([-place for place in range(len(COPIES))], list(COPIES.values()))
    axes.set_xlim(0, 1.02)
    axes.set_ylim(-len(COPIES) + 0.4, 1.7)
    axes.set_xlabel("adjusted score")
    return figure
