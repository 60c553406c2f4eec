"""Plots as SVG, small enough to be kept in docs/."""

import itertools
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from benchmarks.plots import METADATA
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .run import Rows
from .statistics import interval


def curve(axes: Axes, x: Sequence[float], values: Sequence[Sequence[float]], label: str, **style: object) -> None:
    """Means with their intervals as a band."""
    means, halves = np.array([interval(each) for each in values]).T
    line = axes.plot(x, means, "o-", markersize=3, label=label, **style)[0]
    if not np.isnan(halves).any():
        axes.fill_between(x, means - halves, means + halves, alpha=0.2, color=line.get_color(), linewidth=0)


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
    grid[0][1].legend()
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
        axes.set_yticks([-height for height in range(len(groups))], groups if axes in grid[:, 0] else [""] * len(groups))
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
