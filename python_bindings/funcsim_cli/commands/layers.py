"""``funcsim layers``."""

from typing import Annotated

import typer

from .. import options as o
from ..output import check_writable, note, show, to_print, write_json

EXAMPLES = """
[bold]Examples[/]

funcsim layers a.pt b.pt --inputs inputs.npy --positions any

funcsim layers a.pt2 b.pt2 -i inputs.npy --similarity cka --json layers.json
"""


def layers(
    a: o.ModelA,
    b: o.ModelB,
    inputs: o.Inputs = None,
    key: o.Key = None,
    split: o.Split = None,
    limit: o.Limit = None,
    batch_size: o.BatchSize = 64,
    image_size: o.ImageSize = 224,
    transform: o.Transform = None,
    positions: o.Positions = None,
    margin: o.Margin = None,
    include: o.Include = None,
    exclude: o.Exclude = None,
    trust_pickle: o.TrustPickle = False,
    method: o.MethodOption = o.Method.AUTO,
    similarity: Annotated[
        o.LayerSimilarity,
        typer.Option("--similarity", help="Of units, or by cka of whole layers.", rich_help_panel=o.SCORING),
    ] = o.LayerSimilarity.JACCARD,
    num_hashes: o.NumHashes = None,
    seed: o.Seed = None,
    json: o.Json = None,
    quiet: o.Quiet = False,
    device: o.Device = None,
    progress: o.Progress = True,
    debug: o.Debug = False,
) -> None:
    """Score every hidden layer of one network against every one of another.

    Which layer does what in networks of different depth? Printed are adjusted scores: near 0 for unrelated layers, 1
    for equal ones.
    """
    check_writable("--json", json)
    wanted_positions = o.read_positions(positions)

    import funcsim

    from ..inputs import InputOptions
    from ..loading import load_pair

    input_options = InputOptions(key, split, limit, batch_size, image_size, transform, seed or 0, trust_pickle)
    first, second, batches = load_pair(a, b, inputs, input_options, device)
    result = funcsim.layer_similarity(
        first,
        second,
        batches,
        method=method.value,
        similarity=similarity.value,
        num_hashes=num_hashes,
        seed=seed,
        margin=margin,
        positions=wanted_positions,
        include=include or None,
        exclude=exclude or None,
        progress=progress and not quiet,
    )
    write_json(result.to_dict(), json)
    if to_print(json, quiet):
        show(str(result))
        if json is not None:
            note(f"written: {json}")
