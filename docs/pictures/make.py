"""Draws the pictures of docs/reading-scores.md: ./run python docs/pictures/make.py."""

import argparse
import pathlib

import drawn
import measured
import style

HERE = pathlib.Path(__file__).resolve().parent


def main() -> None:
    """Writes all of them as SVG, the same files again on the same kind of machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, default=HERE, help="folder (default: beside this file)")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    networks = measured.train_networks()
    for name, figure in {
        "jaccard": drawn.firing_sets(),
        "matching": drawn.matching(),
        "widths": drawn.widths(),
        "alike": drawn.units_alike(),
        "levels": drawn.levels(HERE.parent / "evaluation" / "robustness.json"),
        "chance": measured.matched_against_chance(networks),
        "adjusted": measured.adjusted(networks),
        "inputs": measured.number_of_inputs(networks),
        "p-value": measured.shuffles(networks),
        "flicker": measured.flicker(networks),
    }.items():
        style.save(figure, folder / f"{name}.svg")
        print(folder / f"{name}.svg")


if __name__ == "__main__":
    main()
