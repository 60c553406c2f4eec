"""What the pictures have in common."""

import pathlib

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Told apart by people who see colours differently too (after Okabe and Ito), and dark enough for text on white.
BLUE, ORANGE, GREEN, GREY, INK = "#0072b2", "#b85000", "#00805e", "#767676", "#222222"

# The background is white and opaque, so that dark ink is read on pages of any colour. Text stays text, and the same
# numbers give the same file.
mpl.rcParams.update(
    {
        "svg.hashsalt": "funcsim",
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.titlesize": 9,
        "savefig.facecolor": "white",
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


def figure(width: float, height: float) -> Figure:
    """An empty one, in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def bare(axes: Axes) -> None:
    """Without axes: for drawings."""
    axes.set_axis_off()
    axes.set_aspect("equal")


def save(figure: Figure, file: pathlib.Path) -> None:
    """As SVG, without the date and without blanks at the ends of lines."""
    figure.savefig(file, metadata={"Date": None})
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("".join(f"{line.rstrip()}\n" for line in lines), encoding="utf-8")
