"""``funcsim layers``."""

from typing import Annotated

import typer

from .. import options as o
from ..output import check_outputs, give
from ..reading import Reading, with_reading

EXAMPLES = """
[bold]Examples[/]

funcsim layers a.pt b.pt --inputs inputs.npy --positions any

funcsim layers a.pt2 b.pt2 -i inputs.npy --similarity cka --json layers.json
"""


@with_reading
def layers(
    a: o.ModelA,
    b: o.ModelB,
    reading: Reading,
    include: o.Include = None,
    exclude: o.Exclude = None,
    method: o.MethodOption = o.Method.AUTO,
    similarity: Annotated[
        o.LayerSimilarity,
        typer.Option("--similarity", help="Of units, or by cka of whole layers.", rich_help_panel=o.SCORING),
    ] = o.LayerSimilarity.JACCARD,
    num_hashes: o.NumHashes = None,
    json: o.Json = None,
) -> None:
    """Score every hidden layer of one network against every one of another.

    Which layer does what in networks of different depth? Printed are adjusted scores: near 0 for unrelated layers, 1
    for equal ones.
    """
    check_outputs({"--json": json}, a, b, reading.inputs)

    import funcsim

    from ..loading import load_pair

    first, second, batches = load_pair(a, b, reading)
    result = funcsim.layer_similarity(
        first,
        second,
        batches,
        method=method.value,
        similarity=similarity.value,
        num_hashes=num_hashes,
        **reading.given,
        include=include or None,
        exclude=exclude or None,
        progress=reading.shows_progress,
    )
    give(str(result), result.to_dict(), json, reading.quiet)
