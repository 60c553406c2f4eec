"""What the demo shows and writes down."""

import json
import pathlib
import platform
from typing import Any

import funcsim
import torch
from comparisons import Row
from networks import RECIPES, TRAINING_IMAGES, Digits, accuracy
from rich import box
from rich.console import Console
from rich.table import Table
from torch import nn

TITLES = {"mlp": "MLP 64-128-128-10 against", "cnn": "CNN with BatchNorm against"}
DATA = "Networks trained on scikit-learn's 8x8 images of handwritten digits, compared on all 1797 of them.\n"
READING = """\
score: mean similarity of matched units.  chance: the same with the samples shuffled.
adjusted: 1 for the same function, near 0 for unrelated ones.  Pairs of numbers: this network | its partner.
Width 96 can't score above 96/128. The random network stays above 0 because both networks look at the same images:
docs/mathematics.md, "What chance leaves in".
"""


def print_tables(rows: list[Row]) -> None:
    """One table: a section for each family, a line for each pair."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=120)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("pair", no_wrap=True)
    for heading in ("score", "chance", "adjusted", "std. error", "method", "dead units", "accuracy", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for family, title in TITLES.items():
        table.add_section()
        table.add_row(f"[bold]{title}[/bold]")
        for row in rows:
            if row.family == family:
                table.add_row(*_cells(row))
    console.print(DATA)
    console.print(table)
    console.print(READING, end="")


def _cells(row: Row) -> list[str]:
    comparison = row.comparison
    error = f"{comparison.standard_error:.4f}" if comparison.method == "minhash" else "-"
    return [
        f"  {row.pair}",
        f"{comparison.score:.4f}",
        f"{comparison.chance:.4f}",
        f"[bold]{comparison.adjusted:.4f}[/bold]",
        error,
        comparison.method,
        f"{row.dead[0]} | {row.dead[1]}",
        f"{row.partner_accuracy:.1%}",
        f"{1e3 * row.seconds:.0f} ms",
    ]


def as_dict(rows: list[Row], networks: dict[str, nn.Sequential], data: Digits, epochs: int) -> dict[str, Any]:
    """All numbers and what they were made with, ready for JSON."""
    return {
        "versions": {
            "funcsim": funcsim.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "data": {
            "name": "scikit-learn digits",
            "compared_on": len(data.images),
            "training_images": TRAINING_IMAGES,
            "test_images": len(data.images) - TRAINING_IMAGES,
        },
        "parameters": {"epochs": epochs, "threads": torch.get_num_threads()},
        "networks": {
            name: {
                "architecture": funcsim.describe(model),
                "seed": RECIPES[name].seed,
                "epochs": epochs + RECIPES[name].epochs_more if RECIPES[name].trained else 0,
                "test_accuracy": accuracy(model, data),
            }
            for name, model in networks.items()
        },
        "pairs": [
            {
                "network": row.family,
                "partner": row.pair,
                "partner_test_accuracy": row.partner_accuracy,
                "seconds": row.seconds,
                "dead_units": list(row.dead),
                **row.comparison.to_dict(),
            }
            for row in rows
        ],
    }


def write(report: dict[str, Any], file: pathlib.Path) -> None:
    """Writes strict JSON: a NaN or an infinity is an error."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
