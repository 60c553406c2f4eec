"""``funcsim prune-report``."""

from typing import Annotated

import typer

from .. import options as o
from ..errors import EXIT_BELOW
from ..output import check_outputs, give, note
from ..reading import Reading, with_reading

EXAMPLES = """
[bold]Examples[/]

funcsim prune-report network.pt pruned.pt --inputs inputs.npy

funcsim prune-report network.pt pruned.pt -i inputs.npy --threshold 0.8 --fail-below 0.9 --json lost.json
"""


@with_reading
def prune_report(
    original: Annotated[str, typer.Argument(metavar="ORIGINAL", help=f"The network before: {o.NETWORK_HELP}")],
    pruned: Annotated[str, typer.Argument(metavar="PRUNED", help="The network after, likewise.")],
    reading: Reading,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="T",
            help="A unit is lost whose counterpart is less similar than this. Unless given, half way from each layer's "
            "chance to 1.",
            rich_help_panel=o.SCORING,
        ),
    ] = None,
    similarity: o.SimilarityOption = o.Similarity.JACCARD,
    pair: o.Pairs = None,
    units: Annotated[
        bool, typer.Option("--units", help="Name the lost units of every layer.", rich_help_panel=o.OUTPUT)
    ] = False,
    json: o.Json = None,
    fail_below: Annotated[
        float | None,
        typer.Option(
            "--fail-below",
            metavar="C",
            callback=o.checked_bar,
            help="Exit with 1 if the coverage is below C.",
            rich_help_panel=o.OUTPUT,
        ),
    ] = None,
) -> None:
    """Say what pruning has destroyed: which units of a network have no counterpart left.

    The pruned network may have fewer units, other scales and another order of units, and may be fine-tuned.
    """
    check_outputs({"--json": json}, original, pruned, reading.inputs)
    pairs = o.read_pairs(pair)

    import funcsim

    from ..loading import load_for, load_networks

    before, after = load_networks([original, pruned], reading)
    report = funcsim.prune_report(
        before.module,
        after.module,
        load_for([before, after], reading),
        threshold=threshold,
        similarity=similarity.value,
        **reading.given_or_default,
        layers=pairs,
        progress=reading.shows_progress,
    )
    text = "\n\n".join(map(str, [report, *(report.layers if units else ())]))
    give(text, report.to_dict(), json, reading.quiet)
    if fail_below is not None and report.coverage < fail_below:
        note(f"coverage {report.coverage:.4f} is below {fail_below:g}", reading.quiet)
        raise typer.Exit(EXIT_BELOW)
