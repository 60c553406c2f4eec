"""How similar are trained networks? Trains small ones on real data and compares them: ./run demo."""

import argparse
import pathlib
import time

import report
from comparisons import compare_all
from networks import digits, family

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"


def main() -> None:
    """Prints a table of all pairs and one comparison layer by layer, and writes report.json and report.html."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training images (default 20)")
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=BUILD / "demo",
        help="folder for networks and report (default build/demo)",
    )
    options = parser.parse_args()
    if options.epochs < 1:
        parser.error(f"--epochs must be at least 1, got {options.epochs}")

    start = time.perf_counter()
    data = digits()
    networks = family(data, options.epochs, options.output / "networks")
    trained = time.perf_counter()
    rows = list(compare_all(networks, data))
    compared = time.perf_counter()

    report.print_tables(rows)
    shown = next(row for row in rows if row.pair == "50 % of weights pruned")
    print(f"\nLayer by layer: the MLP and its copy with {shown.pair}\n")
    print(shown.comparison)
    print(f"\n{shown.comparison.verdict()}")
    numbers, page = options.output / "report.json", options.output / "report.html"
    report.write(report.as_dict(rows, networks, data, options.epochs), numbers)
    shown.comparison.save_html(page, title=f"MLP on digits, {shown.pair}")
    print(f"\nNetworks ready in {trained - start:.1f} s, {len(rows)} comparisons in {compared - trained:.1f} s.")
    print(f"All pairs: {numbers}\nThat comparison, to look at: {page}")


if __name__ == "__main__":
    main()
