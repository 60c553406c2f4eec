"""Plots as SVG, small enough to be kept in docs/."""

import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.plots import METADATA

from .run import Rows
from .statistics import interval


def curve(axes: Axes, x: Sequence[float], values: Sequence[Sequence[float]], label: str, **style: object) -> None:
    """Means with their intervals as a band."""
    means, halves = np.array([interval(each) for each in values]).T
    line = axes.plot(x, means, marker="o", markersize=3, label=label, **style)[0]
    if not np.isnan(halves).any():
        axes.fill_between(x, means - halves, means + halves, alpha=0.2, color=line.get_color(), linewidth=0)


def _legend(axes: Axes, **style: Any) -> None:
    """None where a small run has drawn nothing that it could name."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend(**style)


def save(figure: Figure, file: pathlib.Path) -> None:
    """The same numbers give the same file."""
    figure.savefig(file, metadata=METADATA)


def draw_robustness(rows: Rows, sigmas: Sequence[float], shares: Sequence[float], file: pathlib.Path) -> None:
    """Adjusted score and wrong matches by noise, and by share of weights pruned."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    grid = figure.subplots(2, 2, sharey="row")
    for column, (values, names, label) in enumerate(
        (
            (sigmas, [f"noise {sigma}" for sigma in sigmas], "noise, relative to the RMS of each tensor"),
            (shares, [f"{share:.0%} pruned" for share in shares], "share of weights pruned"),
        )
    ):
        for architecture in dict.fromkeys(row["architecture"] for row in rows):
            for line, key in enumerate(("adjusted", "wrong")):
                found = [
                    [row[key] for row in rows if row["architecture"] == architecture and row["copy"] == name]
                    for name in names
                ]
                curve(grid[line][column], values, found, architecture)
        grid[1][column].set_xlabel(label)
        if column == 0:
            grid[0][0].set_xscale("log")
            grid[1][0].set_xscale("log")
    grid[0][0].set_ylabel("adjusted score")
    grid[1][0].set_ylabel("share of wrong matches")
    _legend(grid[0][1])
    save(figure, file)


def draw_pairs(kinds: Mapping[str, Rows], groups: Sequence[str], file: pathlib.Path) -> None:
    """Scores of the first group's networks with each other and with those of the other groups."""
    name, rows = next(iter(kinds.items()))
    figure = Figure(figsize=(9, 5), layout="constrained")
    grid = figure.subplots(2, -(-len(rows) // 2), squeeze=False)
    for axes, row in zip(grid.flat, rows, strict=False):
        pairs = list(zip(itertools.combinations(row["groups"], 2), row["scores"], strict=True))
        for height, group in enumerate(groups):
            found = [score for (a, b), score in pairs if {a, b} == {groups[0], group}]
            axes.plot(found, [-height] * len(found), "|", color=f"C{height}")
        axes.set_title(row["measure"], fontsize=9)
        axes.set_yticks(
            [-height for height in range(len(groups))], groups if axes in grid[:, 0] else [""] * len(groups)
        )
        axes.margins(y=0.15)
    for axes in list(grid.flat)[len(rows) :]:
        axes.set_visible(False)
    figure.suptitle(f"Similarity of {name}, trained for one task, with each group", fontsize=10)
    save(figure, file)


def draw_grounding(rows: Rows, file: pathlib.Path) -> None:
    """Similarity by disagreement of all pairs, for the first architecture."""
    rows = [row for row in rows if row["architecture"] == rows[0]["architecture"]]
    figure = Figure(figsize=(9, 5), layout="constrained")
    grid = figure.subplots(2, -(-len(rows) // 2), squeeze=False, sharex=True)
    for axes, row in zip(grid.flat, rows, strict=False):
        axes.plot(row["disagreement"], row["scores"], ".", markersize=2)
        axes.set_title(row["measure"], fontsize=9)
    for axes in list(grid.flat)[len(rows) :]:
        axes.set_visible(False)
    figure.supxlabel("share of test inputs on which two networks disagree", fontsize=9)
    figure.supylabel("similarity", fontsize=9)
    figure.suptitle(f"{rows[0]['architecture']} on {rows[0]['dataset']}: all pairs of networks", fontsize=10)
    save(figure, file)


def draw_sketches(rows: Rows, hashes: Sequence[int], file: pathlib.Path) -> None:
    """Mean error of scores, and the standard error that is reported, by number of hashes."""
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for color, pair in enumerate(dict.fromkeys(row["pair"] for row in rows)):
        for key, style in (("score error", "o-"), ("adjusted error", "s--"), ("standard error", ":")):
            found = [
                np.mean([row[key] for row in rows if row["pair"] == pair and row["hashes"] == count])
                for count in hashes
            ]
            axes.plot(hashes, found, style, markersize=3, color=f"C{color}", label=f"{pair}: {key}")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.set_xlabel("hashes")
    _legend(axes, fontsize=7)
    save(figure, file)


def draw_trajectories(rows: Rows, file: pathlib.Path) -> None:
    """Layer by checkpoint: adjusted score against the end of training, and the share of units that have settled."""
    names = list(dict.fromkeys(row["architecture"] for row in rows))
    figure = Figure(figsize=(9, 1 + 2 * len(names)), layout="constrained")
    grid = figure.subplots(len(names), 2, squeeze=False)
    for line, name in enumerate(names):
        chosen = [row for row in rows if row["architecture"] == name]
        epochs = list(dict.fromkeys(row["epoch"] for row in chosen))
        layers = list(dict.fromkeys(row["layer"] for row in chosen))
        for axes, key, title in zip(
            grid[line],
            ("adjusted", "settled"),
            ("adjusted score against the end", "share of settled units"),
            strict=True,
        ):
            values = [
                [
                    np.mean([row[key] for row in chosen if (row["epoch"], row["layer"]) == (epoch, layer)])
                    for epoch in epochs
                ]
                for layer in layers
            ]
            image = axes.imshow(values, vmin=0, vmax=1, aspect="auto", cmap="viridis")
            axes.set_xticks(range(len(epochs)), [str(epoch) for epoch in epochs])
            axes.set_yticks(range(len(layers)), [str(layer + 1) for layer in layers])
            axes.set_title(f"{name}: {title}", fontsize=9)
            axes.set_ylabel("hidden layer")
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    figure.colorbar(image, ax=grid)
    save(figure, file)


def draw_layers(rows: Rows, file: pathlib.Path) -> None:
    """All layers of a network against all of another seed's, mean over seeds."""
    matrix = np.mean([row["matrix"] for row in rows], axis=0)
    figure = Figure(figsize=(4.5, 3.8), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(matrix, cmap="viridis")
    ticks = [str(layer + 1) for layer in range(len(matrix))]
    axes.set_xticks(range(len(matrix)), ticks)
    axes.set_yticks(range(len(matrix)), ticks)
    axes.set_xlabel("hidden layer of the other seed")
    axes.set_ylabel("hidden layer")
    axes.set_title(f"{rows[0]['architecture']}: adjusted layer scores", fontsize=9)
    figure.colorbar(image, ax=axes)
    save(figure, file)


def draw_pretrained(rows: Rows, file: pathlib.Path) -> None:
    """Adjusted score by noise, and by the share of predictions that change."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in dict.fromkeys(row["network"] for row in rows):
        chosen = [row for row in rows if row["network"] == name]
        sigmas = [copy for copy in dict.fromkeys(row["copy"] for row in chosen) if copy.startswith("noise")]
        found = [[row["adjusted"] for row in chosen if row["copy"] == copy] for copy in sigmas]
        curve(left, [float(copy.split()[1]) for copy in sigmas], found, name)
        damaged = [row for row in chosen if row["copy"].startswith("noise") or "%" in row["copy"]]
        right.plot([row["disagreement"] for row in damaged], [row["adjusted"] for row in damaged], ".", label=name)
    left.set_xscale("log")
    left.set_xlabel("noise, relative to the RMS of each tensor")
    left.set_ylabel("adjusted score")
    right.set_xlabel("share of predictions that change")
    _legend(right)
    save(figure, file)


def draw_costs(rows: Rows, file: pathlib.Path) -> None:
    """Seconds of a whole comparison, and bytes kept of a network."""
    names = list(dict.fromkeys(row["measure"] for row in rows))
    figure = Figure(figsize=(9, 0.6 + 0.3 * len(names)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for place, name in enumerate(names):
        chosen = [row for row in rows if row["measure"] == name]
        record = 2 * min(row["record seconds"] for row in chosen)
        left.barh(-place, record, color="C0", label="record both" if place == 0 else "")
        left.barh(
            -place,
            min(row["compare seconds"] for row in chosen),
            left=record,
            color="C1",
            label="compare" if place == 0 else "",
        )
        right.barh(-place, chosen[0]["kept"] / 2**20, color="C2")
    left.set_yticks([-place for place in range(len(names))], names, fontsize=8)
    left.set_xlabel("seconds")
    _legend(left)
    right.set_xscale("log")
    right.set_xlabel("MiB kept of a network")
    save(figure, file)


def draw_merging(rows: Rows, file: pathlib.Path) -> None:
    """Accuracy half way by depth and by width: direct, matched and repaired."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    grid = figure.subplots(1, 2, sharey=True)
    mlps = [row for row in rows if row["kind"] == "mlp" and row["init"] == "he"]
    depth_of_widths = min((row["depth"] for row in mlps if row["width"] != 128), default=0)
    series = [("direct", "as they are", False)]
    series += [
        (method, "set to a's", repair)
        for method in ("jaccard", "jaccard, margin 0.3", "correlation", "weights")
        for repair in (False, True)
    ]
    for axes, key, chosen in (
        (grid[0], "depth", [row for row in mlps if row["width"] == 128]),
        (grid[1], "width", [row for row in mlps if row["depth"] == depth_of_widths]),
    ):
        for method, scale, repair in series:
            here = [row for row in chosen if (row["method"], row["scale"], row["repair"]) == (method, scale, repair)]
            values = sorted({row[key] for row in here})
            found = [[100 * row["accuracy"] for row in here if row[key] == value] for value in values]
            color = f"C{list(dict.fromkeys(name for name, *_ in series)).index(method)}"
            label = method if method == "direct" else f"{method}, {'repaired' if repair else 'matched'}"
            if values:
                curve(axes, values, found, label, color=color, linestyle="-" if repair else ":")
        axes.set_xlabel("hidden layers, width 128" if key == "depth" else f"width, {depth_of_widths} hidden layers")
    grid[1].set_xscale("log", base=2)
    grid[0].set_ylabel("accuracy half way, %")
    _legend(grid[1], fontsize=7, loc="lower right")
    save(figure, file)


def draw_uncertainty(rows: Rows, file: pathlib.Path) -> None:
    """Scores of draws with their intervals, around the score on all inputs, for the first pair."""
    first = rows[0]
    chosen = [row for row in rows if all(row[key] == first[key] for key in ("architecture", "pair", "seed"))]
    sizes = list(dict.fromkeys(row["inputs"] for row in chosen))
    figure = Figure(figsize=(9, 3), layout="constrained")
    for axes, size in zip(figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0], sizes, strict=True):
        drawn = [row for row in chosen if row["inputs"] == size]
        axes.errorbar(
            range(len(drawn)), [row["score"] for row in drawn], [row["half"] for row in drawn], fmt=".", linewidth=0.8
        )
        axes.axhline(first["truth"], color="black", linewidth=0.8)
        axes.set_title(f"{size} inputs", fontsize=9)
        axes.set_xlabel("draw")
    figure.supylabel("score", fontsize=9)
    figure.suptitle(
        f"{first['architecture']}, {first['pair']}: scores and their intervals; the line: all inputs", fontsize=10
    )
    save(figure, file)
