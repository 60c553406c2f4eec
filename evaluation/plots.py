"""Plots as SVG, small enough to be kept in docs/."""

import pathlib
from collections.abc import Sequence

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
