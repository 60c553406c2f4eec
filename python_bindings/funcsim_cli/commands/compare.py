"""``funcsim compare``."""

from importlib.util import find_spec
from typing import Annotated

import typer

from .. import options as o
from ..errors import EXIT_BELOW, Problem
from ..output import check_outputs, give, note
from ..reading import Reading, with_reading

EXAMPLES = """
[bold]Examples[/]

funcsim compare a.pt b.pt --inputs inputs.npy

funcsim compare a.safetensors@models:make b.safetensors@models:make -i inputs.npy --html report.html

funcsim compare torchvision:resnet18:DEFAULT mine.pt@torchvision:resnet18 -i photos/ --limit 2000 --device cuda

funcsim compare monday.safetensors friday.safetensors --fail-below 0.9

[bold]Exit codes[/]: 0; 1 below --fail-below; 2 where something is wrong with what was asked for.
"""


@with_reading
def compare(
    context: typer.Context,
    a: o.ModelA,
    b: o.ModelB,
    reading: Reading,
    include: o.Include = None,
    exclude: o.Exclude = None,
    method: o.MethodOption = o.Method.AUTO,
    similarity: o.SimilarityOption = o.Similarity.JACCARD,
    num_hashes: o.NumHashes = None,
    pair: o.Pairs = None,
    cka: Annotated[
        bool, typer.Option("--cka", help="Give the linear CKA of layers as well.", rich_help_panel=o.SCORING)
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            "--interval", metavar="C", help="Confidence of intervals, such as 0.95.", rich_help_panel=o.SCORING
        ),
    ] = None,
    shuffles: Annotated[
        int,
        typer.Option(
            "--shuffles", metavar="N", help="Shuffles behind p-values, such as 99.", rich_help_panel=o.SCORING
        ),
    ] = 0,
    json: o.Json = None,
    html: o.Html = None,
    fail_below: Annotated[
        float | None,
        typer.Option(
            "--fail-below",
            metavar="S",
            callback=o.checked_bar,
            help="Exit with 1 if the score is below S.",
            rich_help_panel=o.OUTPUT,
        ),
    ] = None,
    fail_on: Annotated[
        o.Bar | None,
        typer.Option("--fail-on", help="Which number --fail-below is about. Default score.", rich_help_panel=o.OUTPUT),
    ] = None,
) -> None:
    """Say how alike two networks are as functions, layer by layer.

    The score is 1 for the same network, whatever the order and scale of its units; "adjusted" is near 0 for unrelated
    ones.
    """
    check_outputs({"--json": json, "--html": html}, a, b, reading.inputs)
    if html is not None and find_spec("plotly") is None:
        raise Problem("--html needs plotly, which is not installed", advice="pip install plotly.")
    pairs = o.read_pairs(pair)
    if fail_on is not None and fail_below is None:
        raise Problem(f"--fail-on {fail_on.value} says which number --fail-below is about, which isn't given")

    import funcsim

    from ..loading import load_pair

    first, second, batches = load_pair(a, b, reading)
    comparison = funcsim.compare(
        first,
        second,
        batches,
        method=method.value,
        similarity=similarity.value,
        num_hashes=num_hashes,
        **reading.given,
        layers=pairs,
        cka=cka,
        interval=interval,
        shuffles=shuffles,
        details=None if html is None else True,  # a report shows them all
        include=include or None,
        exclude=exclude or None,
        progress=reading.shows_progress,
    )
    said = str(comparison.verdict()).replace("interval=0.95", "--interval 0.95")
    title = f"{a} against {b}"
    files = {} if html is None else {html: lambda: comparison.save_html(html, title=title, command=context.obj)}
    give(f"{said}\n\n{comparison}", comparison.to_dict(), json, reading.quiet, files)
    if fail_below is not None:
        if comparison.verdict().is_void:
            note("nothing was compared, so that no bar is cleared", reading.quiet)
            raise typer.Exit(EXIT_BELOW)
        bar = fail_on or o.Bar.SCORE
        got = comparison.score if bar is o.Bar.SCORE else comparison.adjusted
        if got < fail_below:
            note(f"{bar.value} {got:.4f} is below {fail_below:g}", reading.quiet)
            raise typer.Exit(EXIT_BELOW)
