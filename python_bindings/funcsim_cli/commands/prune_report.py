"""``funcsim prune-report``."""

from typing import Annotated

import typer

from .. import options as o
from ..errors import EXIT_BELOW
from ..output import check_writable, note, show, to_print, write_json

EXAMPLES = """
[bold]Examples[/]

funcsim prune-report network.pt pruned.pt --inputs inputs.npy

funcsim prune-report network.pt pruned.pt -i inputs.npy --threshold 0.8 --fail-below 0.9 --json lost.json
"""


def prune_report(
    original: Annotated[str, typer.Argument(metavar="ORIGINAL", help=f"The network before: {o.MODEL_HELP}")],
    pruned: Annotated[str, typer.Argument(metavar="PRUNED", help="The network after, likewise.")],
    inputs: o.Inputs = None,
    key: o.Key = None,
    split: o.Split = None,
    limit: o.Limit = None,
    batch_size: o.BatchSize = 64,
    image_size: o.ImageSize = 224,
    transform: o.Transform = None,
    positions: o.Positions = None,
    margin: o.Margin = None,
    trust_pickle: o.TrustPickle = False,
    threshold: Annotated[
        float,
        typer.Option(
            "--threshold",
            metavar="T",
            help="A unit is lost whose counterpart is less similar than this.",
            rich_help_panel=o.SCORING,
        ),
    ] = 0.5,
    similarity: o.SimilarityOption = o.Similarity.JACCARD,
    seed: o.Seed = None,
    pair: o.Pairs = None,
    units: Annotated[
        bool, typer.Option("--units", help="Name the lost units of every layer.", rich_help_panel=o.OUTPUT)
    ] = False,
    json: o.Json = None,
    fail_below: Annotated[
        float | None,
        typer.Option(
            "--fail-below", metavar="C", help="Exit with 1 if the coverage is below C.", rich_help_panel=o.OUTPUT
        ),
    ] = None,
    quiet: o.Quiet = False,
    device: o.Device = None,
    progress: o.Progress = True,
    debug: o.Debug = False,
) -> None:
    """Say what pruning has destroyed: which units of a network have no counterpart left.

    The pruned network may have fewer units, other scales and another order of units, and may be fine-tuned.
    """
    check_writable("--json", json)
    pairs = o.read_pairs(pair)
    wanted_positions = o.read_positions(positions)

    import funcsim

    from ..inputs import InputOptions
    from ..loading import load_for
    from ..models import load_models

    options = InputOptions(key, split, limit, batch_size, image_size, transform, seed or 0, trust_pickle)
    before, after = load_models([original, pruned], seed=options.seed, device=device, trust_pickle=trust_pickle)
    report = funcsim.prune_report(
        before.module,
        after.module,
        load_for([before, after], inputs, options),
        threshold=threshold,
        similarity=similarity.value,
        seed=options.seed,
        margin=0.0 if margin is None else margin,
        positions=16 if wanted_positions is None else wanted_positions,
        layers=pairs,
        progress=progress and not quiet,
    )
    write_json(report.to_dict(), json)
    if to_print(json, quiet):
        show("\n\n".join([str(report), *(map(str, report.layers) if units else ())]))
        if json is not None:
            note(f"written: {json}")
    if fail_below is not None and report.coverage < fail_below:
        note(f"coverage {report.coverage:.4f} is below {fail_below:g}", quiet)
        raise typer.Exit(EXIT_BELOW)
