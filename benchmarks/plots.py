"""Plots as SVG, small enough to be kept in docs/."""

import pathlib
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from .harness import Row
from .memory import STREAMED, Peak

# The same numbers give the same file, and text stays text.
mpl.rcParams.update({"svg.hashsalt": "funcsim", "svg.fonttype": "none", "font.size": 9})
METADATA = {"Date": None}


def draw_ratios(rows: Sequence[Row], file: pathlib.Path) -> None:
    """How many times the best peer's time is ours, all cases on one logarithmic axis."""
    shown = [(row, ratio) for row in rows if (ratio := row.ratio()) is not None][::-1]
    figure = Figure(figsize=(8, 1 + 0.17 * max(len(shown), 1)), layout="constrained")
    axes = figure.subplots()
    colors = {name: f"C{index}" for index, name in enumerate(dict.fromkeys(row.benchmark for row in rows))}
    axes.barh(
        range(len(shown)), [ratio for _, ratio in shown], color=[colors[row.benchmark] for row, _ in shown], height=0.7
    )
    names = [f"{row.benchmark}: {row.case}" for row, _ in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=6)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("time of the best peer that gave the same answer / time of funcsim")
    axes.margins(y=0.01)
    figure.savefig(file, metadata=METADATA)


def draw_peaks(peaks: Sequence[Peak], file: pathlib.Path) -> None:
    """Peak memory by number of inputs."""
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for method, color in (("exact", "C0"), ("minhash", "C1")):
        for how in dict.fromkeys(peak.how for peak in peaks):
            found = [peak for peak in peaks if (peak.method, peak.how) == (method, how)]
            axes.plot(
                [peak.inputs for peak in found],
                [peak.bytes / 2**20 for peak in found],
                "o-" if how == STREAMED else "s--",
                color=color,
                markersize=4,
                label=f"{method}, {how}",
            )
    exact = [peak for peak in peaks if peak.method == "exact" and peak.how == STREAMED]
    axes.plot(
        [peak.inputs for peak in exact],
        [peak.bits / 2**20 for peak in exact],
        ":",
        color="gray",
        label="bits of both networks",
    )
    axes.set_xlabel("inputs")
    axes.set_ylabel("peak memory above the start, MiB")
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.savefig(file, metadata=METADATA)
